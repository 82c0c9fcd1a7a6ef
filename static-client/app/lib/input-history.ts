/** Lines sent before, recalled with the arrow keys. */

export const INPUT_HISTORY_LIMIT = 100;

export class InputHistory {
  #lines: string[] = [];
  #at = 0;
  #typed = '';

  /** Remembers a line that was sent. */
  add(line: string) {
    if (line.trim() && this.#lines.at(-1) !== line) this.#lines.push(line);
    if (this.#lines.length > INPUT_HISTORY_LIMIT) this.#lines.shift();
    this.reset();
  }

  /** Forgets the position. */
  reset() {
    this.#at = this.#lines.length;
    this.#typed = '';
  }

  /** The line before; what is typed now comes back later. */
  up(typed: string): string | undefined {
    if (this.#at === 0) return undefined;
    if (this.#at === this.#lines.length) this.#typed = typed;
    this.#at -= 1;
    return this.#lines[this.#at];
  }

  /** The line after, at last what was being typed. */
  down(): string | undefined {
    if (this.#at >= this.#lines.length) return undefined;
    this.#at += 1;
    return this.#at === this.#lines.length
      ? this.#typed
      : this.#lines[this.#at];
  }
}
