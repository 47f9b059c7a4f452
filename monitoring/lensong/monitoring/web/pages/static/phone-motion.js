// Whether the phone moves, sensed while it is measured or watched: by its speed over ground where it
// may know its place, and by the shaking of steps. A smooth ride without a position is not felt.

const WALKING_MPS = 1; // faster than a phone in a hand that looks about
const SHAKING_MPS2 = 1.5; // root mean square over a window: steps are above, a hand is below
const WINDOW_MS = 5000;
const WINDOWS = 2; // in a row: one is a phone that was picked up
const LEAST_SAMPLES = 20; // in a window: fewer are the last gasp of a browser that dozes off
const SMOOTHING = 0.02; // of the gravity that is taken off where the phone does not do it itself

// to be called in a tap: some browsers ask then, and only then
export function askForMotion() {
  return Promise.resolve(globalThis.DeviceMotionEvent?.requestPermission?.()).catch(() => "denied");
}

const size = ({ x, y, z }) => Math.hypot(x ?? 0, y ?? 0, z ?? 0);

// calls moves() once, when it is sure; stop() ends it. place: whether its speed may be asked for
export function senseMotion({ place, moves, now = () => performance.now() }) {
  let moved = false,
    began = null,
    squares = 0,
    samples = 0,
    shaken = 0,
    gravity = null;

  const found = () => {
    if (moved) return;
    moved = true;
    stop();
    moves();
  };

  const feel = (event) => {
    let felt = null;
    if (event.acceleration?.x !== null && event.acceleration?.x !== undefined)
      felt = size(event.acceleration);
    else if (event.accelerationIncludingGravity) {
      const whole = size(event.accelerationIncludingGravity);
      gravity = gravity === null ? whole : gravity + SMOOTHING * (whole - gravity);
      felt = Math.abs(whole - gravity);
    }
    if (felt === null) return;
    const at = now();
    began ??= at;
    squares += felt * felt;
    samples += 1;
    if (at - began < WINDOW_MS) return;
    const shakes = samples >= LEAST_SAMPLES && Math.sqrt(squares / samples) >= SHAKING_MPS2;
    shaken = shakes ? shaken + 1 : 0;
    began = at;
    squares = samples = 0;
    if (shaken >= WINDOWS) found();
  };

  const follow = ({ coords }) => {
    if (coords.speed > WALKING_MPS) found();
  };

  addEventListener("devicemotion", feel);
  const following = place
    ? navigator.geolocation?.watchPosition?.(follow, () => {}, { maximumAge: 5000 })
    : undefined;

  function stop() {
    removeEventListener("devicemotion", feel);
    if (following !== undefined) navigator.geolocation.clearWatch(following);
  }
  return { moved: () => moved, stop };
}
