/** Something asynchronous that a form or a button starts: whether it runs, and its error. */

import { isDestroying } from '@ember/destroyable';
import { tracked } from '@glimmer/tracking';
import { sentenceOf } from './api.ts';

export class Task {
  /** It runs. */
  @tracked busy = false;
  /** The last error, one sentence. */
  @tracked sentence = '';

  readonly #owner: object;
  /** The same as `busy`, without being looked at by what is rendered. */
  #running = false;

  /** `owner` is the component or service that it belongs to, and ends with. */
  constructor(owner: object) {
    this.#owner = owner;
  }

  /**
   * Runs the work, unless it runs already: who clicks twice means it once. Returns whether it was done and its owner is
   * still there, so that what follows concerns somebody. `failed` may take an error instead of the sentence.
   */
  async run(
    work: () => Promise<unknown>,
    failed?: (error: unknown) => void,
  ): Promise<boolean> {
    if (this.#running) return false;
    this.#running = true;
    this.busy = true;
    this.sentence = '';
    try {
      await work();
      return !this.#gone;
    } catch (error) {
      if (this.#gone) return false;
      if (failed) failed(error);
      else this.sentence = sentenceOf(error);
      return false;
    } finally {
      this.#running = false;
      if (!this.#gone) this.busy = false;
    }
  }

  /** Shows a message without running anything; an empty one clears it. */
  say(sentence: string) {
    this.sentence = sentence;
  }

  get #gone(): boolean {
    return isDestroying(this.#owner);
  }
}
