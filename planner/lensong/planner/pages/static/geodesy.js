// Distance and bearing on a sphere of the Earth's mean radius: to 0.5 % of the ellipsoid's.
const RADIUS_M = 6371008.8;
const RAD = Math.PI / 180;

export function distance_m(a, b) {
  const [p, q] = [a.lat_deg * RAD, b.lat_deg * RAD];
  const [dp, dl] = [q - p, (b.lon_deg - a.lon_deg) * RAD];
  const h = Math.sin(dp / 2) ** 2 + Math.cos(p) * Math.cos(q) * Math.sin(dl / 2) ** 2;
  return 2 * RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Return the azimuth of b seen from a, clockwise from true north, 0 to 360. */
export function bearing_deg(a, b) {
  const [p, q] = [a.lat_deg * RAD, b.lat_deg * RAD];
  const dl = (b.lon_deg - a.lon_deg) * RAD;
  const y = Math.sin(dl) * Math.cos(q);
  const x = Math.cos(p) * Math.sin(q) - Math.sin(p) * Math.cos(q) * Math.cos(dl);
  return (Math.atan2(y, x) / RAD + 360) % 360;
}

/** Return the place at a distance in a direction. */
export function moved(place, metres, azimuth_deg) {
  const [p, l, d] = [place.lat_deg * RAD, place.lon_deg * RAD, metres / RADIUS_M];
  const a = azimuth_deg * RAD;
  const lat = Math.asin(Math.sin(p) * Math.cos(d) + Math.cos(p) * Math.sin(d) * Math.cos(a));
  const lon =
    l +
    Math.atan2(Math.sin(a) * Math.sin(d) * Math.cos(p), Math.cos(d) - Math.sin(p) * Math.sin(lat));
  return { lat_deg: lat / RAD, lon_deg: lon / RAD };
}

const round = (value) => Math.round(value * 1e6) / 1e6; // a tenth of a metre
export const placeOf = ({ lng, lat }) => ({ lat_deg: round(lat), lon_deg: round(lng) });
