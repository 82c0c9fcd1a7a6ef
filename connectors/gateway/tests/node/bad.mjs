// Invalid input: the exact texts, and that the socket stays usable.
import { Peer, act, assert, current, room, say, tickets, url, within, AS, SH, CTX } from "./lib.mjs";

const alice = await current("alice");
const send = say("alice", room("#bad"), "x");
const no = { context: "activity stream must contain an @context array.", type: "activity stream must contain a type property." };
for (const [value, text] of [
  ...[null, 1, "text", true, []].map((value) => [value, "message received is not an object."]),
  [undefined, "message received is not an object."],
  [{}, no.context],
  [{ ...send, "@context": "irc" }, no.context],
  [{ ...send, "@context": [1, 2, 3] }, no.context],
  [{ ...send, type: undefined }, no.type],
  [{ ...send, type: { a: 1 } }, no.type],
  [{ ...send, actor: null }, "activity stream must contain an actor property."],
  [{ ...send, actor: 5 }, "activity stream property actor must be an id or an object with an id."],
  [{ ...send, type: "fetch" }, "platform type fetch not supported by irc platform. (types: connect, update, join, leave, send, query, disconnect)"],
  [{ ...send, "@context": [AS, SH, CTX[2].replace("irc", "xmpp")] }, "platform xmpp resolved from @context is not enabled in this Sockethub instance."],
  [{ ...send, object: [] }, "activity stream property object must be an object or a string."],
  [{ ...send, object: {} }, "cannot send message with no object.content"],
  [{ ...send, target: undefined }, "activity of type send must contain a target property."],
  [{ ...send, target: room("#a b") }, "no such channel #a b@irc.test"],
  [act("query", "alice", { object: { type: "attendance" } }), "cannot query attendance without a valid channel name"],
]) {
  const ack = await alice.message(value);
  assert.equal(ack.error, text, JSON.stringify(value));
  for (const key of ["actor", "target", "object"]) assert.notEqual(ack[key], null);
}
for (const value of [null, 1, {}, { id: 4 }]) {
  assert.equal((await alice.ask("activity-object", value)), "activity object must contain an id property.");
}
const stranger = await alice.message(act("connect", "alice", { actor: "alice@irc.nowhere" }));
assert.equal(stranger.error, "no client found, and no credentials specified. you must connect first");
assert.equal(alice.socket.connected, true);

// A message that is too large ends the socket, not the server.
for (const transports of [["websocket"], ["polling"]]) {
  const large = await new Peer({ ticket: tickets.alice }, { transports }).open();
  large.socket.emit("message", say("alice", room("#bad"), "x".repeat(300_000)));
  await within("the end of a socket that sent too much", large.closed);
}

// More than a hundred events in a second: an error, then silence.
const fast = await new Peer({ ticket: tickets.bob }).open();
let answers = 0;
for (let n = 0; n < 150; n += 1) fast.socket.emit("message", {}, () => (answers += 1));
const error = await fast.wait("rate limit", () => true, fast.errors);
assert.equal(error.summary, "rate limit exceeded, temporarily blocked");
await new Promise((resolve) => setTimeout(resolve, 300));
assert.deepEqual([answers, fast.errors.length], [100, 1]);

// CORS, on errors too.
for (const path of ["/sockethub/?EIO=4&transport=polling", "/sockethub/?EIO=4&transport=polling&sid=nobody", "/sockethub/?EIO=9", "/sockethub/x"]) {
  const response = await fetch(url + path);
  assert.equal(response.headers.get("access-control-allow-origin"), "*", path);
}
assert.equal((await fetch(`${url}/sockethub/`, { method: "OPTIONS" })).status, 204);
assert.equal(await (await fetch(`${url}/healthz`)).text(), "ok");
const metrics = await (await fetch(`${url}/metrics`)).text();
assert.match(metrics, /^subspace_connector_connections\{state="online"\} 2$/m);
for (const peer of [alice, fast]) peer.close();
