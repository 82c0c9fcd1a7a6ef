/** What the server asks of a password, told before it is sent. */

const SHORTEST = 10;

/** Tells what is wrong with a new password in one sentence; nothing if it will do. */
export function passwordTrouble(password: string): string {
  const { length } = [...password];
  return length < SHORTEST
    ? `Use at least ${SHORTEST} characters (${length} so far).`
    : '';
}
