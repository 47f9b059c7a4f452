// Changes that no server has heard of yet outlive a page that is loaded again.

const nameOf = ({ plan }) => `lensong-waiting ${plan.plan_id}`;

/** Keep what waits to be sent, in this tab. */
export function keep(state) {
  const { variantId, waiting } = state;
  try {
    if (waiting.length)
      sessionStorage.setItem(nameOf(state), JSON.stringify({ variantId, waiting }));
    else sessionStorage.removeItem(nameOf(state));
  } catch {
    // a browser that keeps nothing: then it waits in this page alone
  }
}

/** Return what was kept before the page was loaded again: a variant, and sets of edits. */
export function kept(state) {
  try {
    return JSON.parse(sessionStorage.getItem(nameOf(state))) ?? { waiting: [] };
  } catch {
    return { waiting: [] };
  }
}
