// Without a ticket, or with an invalid one: an answer to everything, then the end.
import { Peer, act, assert, tickets, within } from "./lib.mjs";

const again = "ask /api/tickets for a new one";
for (const [auth, text] of [
  [{}, "a ticket is required: get one from /api/tickets and send it as auth.ticket or ?ticket="],
  [{ ticket: "nonsense" }, `the ticket is not valid; ${again}`],
  [{ ticket: 7 }, "a ticket is required: get one from /api/tickets and send it as auth.ticket or ?ticket="],
  [{ ticket: tickets.expired }, `the ticket has expired; ${again}`],
  [{ ticket: tickets.elsewhere }, `the ticket is for another connector; ${again}`],
  [undefined, "a ticket is required: get one from /api/tickets and send it as auth.ticket or ?ticket="],
]) {
  const peer = await new Peer(auth).open();
  const error = await peer.wait("error event", () => true, peer.errors);
  assert.deepEqual([error.type, error.summary, error.actor.name], ["Error", text, "sockethub-server"]);
  for (const event of ["schemas", "credentials", "message", "activity-object", "whatever"]) {
    assert.equal((await peer.ask(event, act("connect", "alice"))).error, text, event);
  }
  assert.equal(await within("end", peer.closed), "io server disconnect");
}

// An open socket stays open when its ticket expires.
const brief = await new Peer({ ticket: tickets.brief }).open();
await new Promise((resolve) => setTimeout(resolve, 2500));
assert.equal((await brief.message(act("connect", "alice"))).error, undefined);
brief.close();
