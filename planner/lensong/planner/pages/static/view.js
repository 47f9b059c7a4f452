// The view in the page's address: layer, place, variants, what is chosen and opened. A link brings
// it back.
import { language } from "./dom.js";

const MOST_MASTS = 20; // in an address

/** Let the address say a view with some of its parts changed; null takes one away. */
export function keepView(changes) {
  const parts = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") parts.delete(key);
    else parts.set(key, value);
  }
  const address = `#${parts}`;
  if (address !== location.hash) history.replaceState(null, "", address);
}

const placed = ({ lat, lng }) => `${lat.toFixed(5)},${lng.toFixed(5)}`;

/** Return the parts of an address that say where the map is. */
export const placeParts = (map) => ({ z: map.getZoom().toFixed(2), c: placed(map.getCenter()) });

/** Return the part that says which place is pinned. */
export const pinPart = (lngLat) => ({ p: lngLat && placed(lngLat) });

/** Return the part that says which masts are chosen; of many it says nothing. */
export const mastsPart = (ids) => ({
  m: ids.length <= MOST_MASTS ? ids.map(encodeURIComponent).join(",") : null,
});

/** Return what an address says of a view. */
export function viewOf(address) {
  const parts = new URLSearchParams(address.slice(1));
  const numbers = (name) => {
    const found = (parts.get(name) ?? "").split(",").map(Number);
    return found.length === 2 && found.every(Number.isFinite) ? found : null;
  };
  const [centre, pin, zoom] = [numbers("c"), numbers("p"), Number(parts.get("z"))];
  const share = Number(parts.get("d"));
  return {
    place: centre && Number.isFinite(zoom) ? { lat: centre[0], lon: centre[1], zoom } : null,
    variantId: parts.get("v"),
    layerId: parts.get("l"),
    beside: parts.get("s"),
    split: share > 0 && share < 1 ? share : 0.5,
    pin: pin && { lat: pin[0], lng: pin[1] },
    masts: (parts.get("m") ?? "").split(",").filter(Boolean).map(decodeURIComponent),
    village: parts.get("b"),
    tab: parts.get("t"),
  };
}

/** Return the address of the view, in the language that it is seen in. */
export function linkOf(planId) {
  const link = new URL(location.href);
  link.searchParams.set("plan", planId);
  link.searchParams.set("language", language);
  return link.href;
}
