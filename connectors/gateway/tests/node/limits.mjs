// Too many sockets for an account, then for an address.
import { Peer, assert, tickets, within } from "./lib.mjs";

const open = [];
for (const account of ["alice", "alice", "bob"]) open.push(await new Peer({ ticket: tickets[account] }).open());
for (const [account, text] of [
  ["alice", "too many concurrent connections of this account"],
  ["carol", null],
  ["bob", "too many concurrent connections from this address"],
]) {
  const peer = await new Peer({ ticket: tickets[account] }).open();
  if (text === null) {
    await peer.ask("schemas", null);
    open.push(peer);
    continue;
  }
  assert.equal((await peer.wait("error", () => true, peer.errors)).summary, text);
  await within("end", peer.closed);
}
// A free place can be taken.
open.pop().close();
let answer;
do {
  const peer = await new Peer({ ticket: tickets.carol }).open();
  answer = await peer.ask("schemas", null);
  peer.close();
} while (answer.error);
for (const peer of open) peer.close();
