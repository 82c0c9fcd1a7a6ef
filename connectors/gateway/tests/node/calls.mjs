// Call signalling: who is present, what they tell each other, coming back, a full call.
import { assert, url, within } from "./lib.mjs";
import { io } from "socket.io-client";

const { calls } = JSON.parse(process.env.SCENARIO).more;

class Caller {
  constructor(ticket) {
    this.got = [];
    this.waiting = [];
    this.socket = io(`${url}/calls`, { path: "/sockethub", auth: { ticket }, forceNew: true, reconnection: false });
    this.socket.onAny((event, value) => {
      this.got.push([event, value]);
      this.waiting = this.waiting.filter((look) => !look());
    });
    this.closed = new Promise((resolve) => this.socket.on("disconnect", resolve));
  }
  // Takes the next event of a type.
  next(event) {
    const found = new Promise((resolve) => {
      const look = () => {
        const at = this.got.findIndex(([name]) => name === event);
        if (at >= 0) resolve(this.got.splice(at, 1)[0][1]);
        return at >= 0;
      };
      if (!look()) this.waiting.push(look);
    });
    return within(event, found);
  }
}

const one = new Caller(calls[0]);
assert.deepEqual((await one.next("welcome")).peers, []);
one.socket.emit("media", { audio: true, video: false, more: "ignored" });
const two = new Caller(calls[1]);
const welcome = await two.next("welcome");
assert.equal(welcome.peer, "p1");
assert.equal(welcome.peers.length, 1);
assert.deepEqual([welcome.peers[0].peer, welcome.peers[0].name], ["p0", "name 0"]);
assert.equal((await one.next("joined")).name, "name 1");

// Offers and candidates reach the participant they are for.
two.socket.emit("signal", { to: "p0", data: { description: { type: "offer", sdp: "v=0" } } });
assert.deepEqual(await one.next("signal"), {
  from: "p1",
  data: { description: { type: "offer", sdp: "v=0" } },
});
for (const bad of [null, 7, "x", {}, { to: 1 }, { to: "p0" }, { to: "nobody", data: {} }]) two.socket.emit("signal", bad);
two.socket.emit("media", { audio: true, video: true, screen: "yes" });
assert.deepEqual(await one.next("media"), { peer: "p1", media: { audio: true, video: true, screen: false } });

// Coming back with the same ticket means being the same participant; the old socket is closed.
const again = new Caller(calls[1]);
assert.deepEqual((await again.next("welcome")).peers.map(({ peer }) => peer), ["p0"]);
const returned = await one.next("returned");
assert.deepEqual(returned.media, { audio: true, video: true, screen: false });
await within("the old socket's end", two.closed);
again.socket.emit("signal", { to: "p0", data: { candidates: [{ candidate: "" }] } });
assert.equal((await one.next("signal")).from, "p1");

// Six is the maximum.
const others = calls.slice(2, 6).map((ticket) => new Caller(ticket));
for (const other of others) await other.next("welcome");
const seventh = new Caller(calls[6]);
assert.match((await seventh.next("refused")).error, /full/);
await within("the seventh's end", seventh.closed);

// A participant who leaves is gone at once, and makes room.
others[0].socket.emit("leave", {});
assert.equal((await one.next("left")).peer, "p2");
const eighth = new Caller(calls[6]);
assert.equal((await eighth.next("welcome")).peers.length, 5);

// Tickets of another type or for another connector, or no ticket, open nothing.
const { tickets } = JSON.parse(process.env.SCENARIO);
for (const ticket of [tickets.alice, "nonsense", undefined, 7]) {
  const refused = new Caller(ticket);
  assert.match((await refused.next("refused")).error, /is invalid/);
  await within("end", refused.closed);
}
for (const caller of [one, again, eighth, ...others]) caller.socket.disconnect();
