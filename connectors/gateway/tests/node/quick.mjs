// What a client sends at the moment it is connected is handled.
import { act, assert, CTX, Peer, tickets } from "./lib.mjs";

for (let round = 0; round < 20; round += 1) {
  const peers = Array.from({ length: 10 }, () => new Peer({ ticket: tickets.alice, mode: "full" }, { transports: ["websocket"] }));
  const acks = await Promise.all(
    peers.map((peer) => peer.open().then(() => peer.message(act("connect", "alice", { "@context": CTX })))),
  );
  for (const ack of acks) assert.equal(ack.error, undefined);
  for (const peer of peers) peer.close();
}
