// Jobs that take longer: plans, causes, the best place; watched until they end.
import { Refusal, get, refusalText, remove } from "./api.js";
import { say } from "./dom.js";
import { on, planPath } from "./plan.js";

const ENDS = ["done", "failed", "cancelled"];
const PATIENCE_MS = 1500; // events may be lost while a server restarts: ask now and then

/** Return a job once it ended; `told` hears how far it is. */
export function watchJob(job, told = () => {}) {
  return new Promise((resolve, reject) => {
    let over = false;
    const end = on("job", heard);
    function heard(now) {
      if (over || now.job_id !== job.job_id) return;
      told(now);
      if (ENDS.includes(now.state)) look();
    }
    const look = async () => {
      if (over) return;
      try {
        const now = await get(jobPath(job));
        if (over) return;
        told(now);
        if (!ENDS.includes(now.state)) return void setTimeout(look, PATIENCE_MS);
        over = true;
        end();
        resolve(now);
      } catch (error) {
        // a server that is away, or somebody who has to sign in again
        if (error instanceof Refusal && [0, 401].includes(error.status))
          setTimeout(look, PATIENCE_MS);
        else {
          over = true;
          end();
          reject(error);
        }
      }
    };
    look();
  });
}

export const isUnderWay = (job) => !ENDS.includes(job.state);
export const jobPath = (job) => `${planPath()}/jobs/${job.job_id}`;
export const cancelJob = (job) => remove(jobPath(job));

/** Return how a job ended that has no result. */
export const endText = ({ state, why, code }) =>
  why ? refusalText({ code, detail: why }) : say(`job.${state}`);
