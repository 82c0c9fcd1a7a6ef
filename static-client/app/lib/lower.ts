/**
 * Small letters for what is no name of a person or channel. Those are compared as their network does it
 * (`casemapping.ts`), and `toLowerCase` is refused elsewhere.
 */

/** The name of a host, which is the same in any case. */
export function hostKey(host: string): string {
  return host.toLowerCase();
}

/** The name of an account here, which has small letters only. */
export function accountName(typed: string): string {
  return typed.trim().toLowerCase();
}

/** A word of a command, or a key of the keyboard. */
export function keyword(typed: string): string {
  return typed.toLowerCase();
}

/** What is searched, or searched for: there more is found than is the same. */
export function forSearch(text: string): string {
  return text.toLowerCase();
}

/** What the colour of a name is made from; it is the same on all networks. */
export function forColour(name: string): string {
  return name.toLowerCase();
}
