/**
 * Work that follows somebody's hand: one at a time, and of what came meanwhile only the last.
 *
 * `work(subject)` returns a promise. A `Busy` server is asked again after the time it names, unless something newer
 * came; every other failure goes to `fail`.
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
        fail(error);
        if (error instanceof Busy) {
          await new Promise((resolve) => setTimeout(resolve, 1000 * error.seconds));
          wanted ??= current;
        }
      }
    }
    running = false;
  };
}

/** The server has more to do than it can; it may be asked again in so many seconds. */
export class Busy extends Error {
  constructor(sentence, seconds) {
    super(sentence);
    this.seconds = seconds;
  }
}
