/**
 * Lower case for anything that is not the name of a person or channel. Those are compared as on their network
 * (`casemapping.ts`), and `toLowerCase` is forbidden elsewhere.
 */

/** A host name, which is case-insensitive. */
export function hostKey(host: string): string {
  return host.toLowerCase();
}

/** An account's name here, which is in lower case. */
export function accountName(typed: string): string {
  return typed.trim().toLowerCase();
}

/** A word of a command, or a key of the keyboard. */
export function keyword(typed: string): string {
  return typed.toLowerCase();
}

/** Searched text, or a search term: more may match than is equal. */
export function forSearch(text: string): string {
  return text.toLowerCase();
}

/** The input for a name's colour, the same on all networks. */
export function forColour(name: string): string {
  return name.toLowerCase();
}
