/** Lines sent earlier, recalled with the arrow keys. */

export const INPUT_HISTORY_LIMIT = 100;

export class InputHistory {
  #lines: string[] = [];
  #at = 0;
  #typed = '';

  /** Remembers a sent line. */
  add(line: string) {
    if (line.trim() && this.#lines.at(-1) !== line) this.#lines.push(line);
    if (this.#lines.length > INPUT_HISTORY_LIMIT) this.#lines.shift();
    this.reset();
  }

  /** Resets the position. */
  reset() {
    this.#at = this.#lines.length;
    this.#typed = '';
  }

  /** The previous line; the current input is restored later. */
  up(typed: string): string | undefined {
    if (this.#at === 0) return undefined;
    if (this.#at === this.#lines.length) this.#typed = typed;
    this.#at -= 1;
    return this.#lines[this.#at];
  }

  /** The next line, and finally the current input. */
  down(): string | undefined {
    if (this.#at >= this.#lines.length) return undefined;
    this.#at += 1;
    return this.#at === this.#lines.length
      ? this.#typed
      : this.#lines[this.#at];
  }
}
