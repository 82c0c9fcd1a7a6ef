// Does what the test says and prints the result: {connect, acks, got, errors}.
import { Peer, act, content, person, room, say, tickets } from "./lib.mjs";

const { account, auth = {}, credentials, messages = [], until } = JSON.parse(process.env.SCENARIO).more;
const peer = await new Peer({ ticket: tickets[account], ...auth }).open();
await peer.ask("schemas", null);
if (credentials) await peer.ask("credentials", act("credentials", account, { object: credentials }));
const connect = await peer.message(act("connect", account));
const acks = [];
for (const [target, text] of messages) {
  const to = target.startsWith("#") ? room(target) : person(target);
  acks.push(await peer.message(text === null ? act("join", account, { target: to }) : say(account, to, text)));
}
if (until) await peer.wait(until, content(until));
console.log(JSON.stringify({ connect, acks, got: peer.got, errors: peer.errors }));
peer.close();
