/** The server's requirements for a password, checked before it is sent. */

const SHORTEST = 10;

/** Returns the problem with a new password in one sentence; undefined if it is valid. */
export function passwordTrouble(password: string): string {
  const { length } = [...password];
  return length < SHORTEST
    ? `Use at least ${SHORTEST} characters (${length} so far).`
    : '';
}
