/**
 * Return a function that runs `work(subject)`, one at a time; of the subjects that arrive meanwhile, it takes the last.
 *
 * `work` returns a promise. Every error goes to `fail(error, subject)`. After `Busy`, the same subject is tried again when the server
 * says, unless a newer one has arrived.
 */
export function latest(work, fail) {
  let wanted = null;
  let running = false;
  return async function follow(subject) {
    wanted = { subject };
    if (running) return;
    running = true;
    while (wanted) {
      const current = wanted;
      wanted = null;
      try {
        await work(current.subject);
      } catch (error) {
        fail(error, current.subject);
        if (error instanceof Busy) {
          await new Promise((resolve) => setTimeout(resolve, 1000 * error.seconds));
          wanted ??= current;
        }
      }
    }
    running = false;
  };
}

/** The server is overloaded; it accepts another request in `seconds`. */
export class Busy extends Error {
  constructor(sentence, seconds) {
    super(sentence);
    this.seconds = seconds;
  }
}
