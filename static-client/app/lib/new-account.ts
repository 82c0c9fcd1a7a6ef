/** An account that is being registered with a network: the password is made here, and is not lost while that takes. */

import type { LocalStore } from './local-store.ts';

/** No two of them look the same; 32, so that each takes five bits. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';
/** 120 bits; services take no longer ones than 32 letters. */
const LENGTH = 24;

/** A registration that the network has not completed. */
export interface Registering {
  /** What the account will be called. */
  name: string;
  email: string;
  password: string;
  /** The network waits for the code that it has sent, as far as one knows. */
  waiting: boolean;
}

/** Makes a password that nobody guesses, and nobody has to remember. */
export function newPassword(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(LENGTH));
  return [...bytes].map((byte) => LETTERS.charAt(byte % 32)).join('');
}

/** The code in what was copied from a mail: the last word, whether it is a whole command or the code alone. */
export function codeIn(typed: string): string {
  return typed.trim().split(/\s+/).at(-1) ?? '';
}

/** Signing out removes it with all else that is kept of the account. */
function keyOf(networkId: string): string {
  return `cache:registering:${networkId}`;
}

export function registering(
  store: LocalStore,
  networkId: string,
): Registering | undefined {
  return store.get(keyOf(networkId)) as Registering | undefined;
}

export function keepRegistering(
  store: LocalStore,
  networkId: string,
  kept: Registering | undefined,
) {
  store.set(keyOf(networkId), kept);
}
