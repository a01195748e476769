/**
 * Asks for many things at once, although they are asked for one by one: what
 * comes while an answer is awaited goes together into the next question.
 */

interface Waiting<Q, A> {
  question: Q;
  resolve: (answer: A) => void;
  reject: (error: unknown) => void;
}

export class Batcher<Q, A> {
  readonly #answer: (questions: Q[]) => Promise<A[]>;
  #waiting: Waiting<Q, A>[] = [];
  #isRunning = false;

  /** `answer` gives the answers in the questions' order. */
  constructor(answer: (questions: Q[]) => Promise<A[]>) {
    this.#answer = answer;
  }

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    await undefined; // what is asked for in the same turn comes along
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const answers = await this.#answer(batch.map(({ question }) => question));
        batch.forEach(({ resolve }, index) => {
          resolve(answers[index]!);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      await undefined;
    }
    this.#isRunning = false;
  }
}
