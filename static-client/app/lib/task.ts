/** An asynchronous operation started by a form or button: whether it is running, and its error. */

import { isDestroying } from '@ember/destroyable';
import { tracked } from '@glimmer/tracking';
import { sentenceOf } from './api.ts';

export class Task {
  /** Whether it is running. */
  @tracked busy = false;
  /** The last error, one sentence. */
  @tracked sentence = '';

  readonly #owner: object;
  /** The same as `busy`, but not tracked by rendering. */
  #running = false;

  /** `owner` is the component or service that it belongs to, and ends with. */
  constructor(owner: object) {
    this.#owner = owner;
  }

  /**
   * Runs the work, unless it is already running: a double click means once. Returns whether it succeeded and its
   * owner still exists. `failed` may handle an error instead of the sentence.
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
