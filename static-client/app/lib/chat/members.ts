/** Members of rooms and their roles: activities of members, applied to the state. */

import { contentOf } from '../activities.ts';
import { FoldedMap } from '../folded.ts';
import {
  entryOf,
  isOwn,
  isRoom,
  nameOf,
  text,
  type Context,
  type ObjectOf,
} from './context.ts';
import type { Draft, DraftNetwork, DraftRoom } from './draft.ts';
import { addEntry } from './entries.ts';
import type { Member, Network, Role } from './types.ts';

const ROLES: readonly unknown[] = ['owner', 'admin', 'participant', 'member'];

function isRole(value: unknown): value is Role {
  return ROLES.includes(value);
}

function setMember(room: DraftRoom, nickname: string, change: Partial<Member>) {
  const known = room.members.get(nickname) ?? {
    nick: nickname,
    role: 'member' as Role,
    away: false,
    awayText: '',
  };
  room.members.set(nickname, { ...known, ...change });
}

/** What happened to many at once, told by the server. */
function addCrowd(context: Context) {
  const { draft, network, activity } = context;
  const room = draft.room(network.id, nameOf(activity.target));
  const sentence = contentOf(activity);
  if (room && sentence) {
    const entry = entryOf(context, 'leave', nameOf(activity.actor), sentence);
    addEntry(room, { ...entry, sentence });
  }
}

/** One of many, of whom the server tells together. */
function isOfCrowd({ activity: { object } }: Context): boolean {
  return (
    object !== undefined && 'netsplit' in object && object.netsplit === true
  );
}

export function join(context: Context) {
  const { draft, network, activity } = context;
  if (activity.actor?.type === 'service') return addCrowd(context);
  const who = nameOf(activity.actor);
  const channel = nameOf(activity.target);
  if (!isRoom(network, activity.target)) return;
  const own = isOwn(network, who);
  const room = own
    ? draft.openRoom(network.id, channel, 'channel')
    : draft.room(network.id, channel);
  if (!room) return;
  setMember(room, who, { nick: who });
  if (own) {
    if (!room.joined) room.members.clear();
    setMember(room, who, { nick: who });
    room.joined = true;
    room.name = channel;
  }
  // The user's own join without an id is only part of the state after `connect`.
  if (isOfCrowd(context)) return;
  if (!own || activity.id) addEntry(room, entryOf(context, 'join', who, ''));
}

export function leave(context: Context) {
  const { draft, network, activity } = context;
  if (activity.actor?.type === 'service') return addCrowd(context);
  const who = nameOf(activity.actor);
  const { object } = activity;
  const by = object && 'by' in object ? text(object.by) : '';
  const reason = contentOf(activity);
  const said = by ? `kicked by ${by}${reason ? `: ${reason}` : ''}` : reason;
  // In the archives' wording.
  const what = by
    ? `was kicked by ${by}`
    : object && 'quit' in object && object.quit === true
      ? 'quit'
      : 'left';
  const sentence = `${who} ${what}${reason ? ` (${reason})` : ''}`;
  const channel = nameOf(activity.target);
  const rooms = isRoom(network, activity.target)
    ? [draft.room(network.id, channel)]
    : sharedRooms(draft, network, who);
  for (const room of rooms) {
    if (!room) continue;
    room.members.delete(who);
    if (isOwn(network, who)) {
      room.joined = false;
      room.members.clear();
    }
    if (isOfCrowd(context)) continue;
    addEntry(room, { ...entryOf(context, 'leave', who, said), sentence });
  }
}

function sharedRooms(draft: Draft, network: Network, who: string) {
  return network.rooms
    .filter((room) => draft.rooms.get(room)?.members.has(who))
    .map((room) => draft.roomByKey(room));
}

export function query({ draft, network, activity }: Context) {
  if (activity.object?.type !== 'attendance') return;
  const room = draft.room(network.id, nameOf(activity.actor));
  const { members } = activity.object;
  if (!room || !Array.isArray(members)) return;
  const before = room.members;
  room.members = new FoldedMap(room.casemapping);
  for (const member of members) {
    if (typeof member !== 'string') continue;
    const known = before.get(member);
    setMember(room, member, known ? { ...known, nick: member } : {});
  }
}

export function presence(
  { draft, network, activity }: Context,
  object: ObjectOf<'presence'>,
) {
  const who = nameOf(activity.actor);
  const change: Partial<Member> = {};
  if (isRole(object.role)) change.role = object.role;
  if (typeof object.show === 'string') {
    change.away = object.show === 'away';
    change.awayText = change.away ? text(object.content) : '';
    if (isOwn(network, who)) {
      const own = draft.network(network.id);
      if (own) own.away = change.away;
    }
  }
  const channel = nameOf(activity.target);
  if (activity.target && isRoom(network, activity.target)) {
    const room = draft.room(network.id, channel);
    if (room) setMember(room, who, change);
    return;
  }
  for (const room of sharedRooms(draft, network, who)) {
    if (room) setMember(room, who, change);
  }
}

export function role({ draft, network, activity }: Context) {
  const object = activity.object;
  if (object?.type !== 'relationship') return;
  const room = draft.room(network.id, nameOf(object.object));
  const subject = object.subject?.role;
  if (!room || !isRole(subject)) return;
  const given = activity.type === 'add';
  setMember(room, nameOf(activity.target), {
    role: given ? subject : 'member',
  });
}

export function nick(context: Context) {
  const { draft, network, activity } = context;
  const from = nameOf(activity.actor);
  const to = nameOf(activity.target);
  if (!from || !to) return;
  if (isOwn(network, from)) {
    const changed = draft.network(network.id);
    if (changed) changed.nick = to;
  }
  const rooms = sharedRooms(draft, network, from);
  const direct = draft.room(network.id, from);
  for (const room of direct ? [...rooms, direct] : rooms) {
    if (!room) continue;
    const member = room.members.get(from);
    if (member) {
      room.members.delete(from);
      room.members.set(to, { ...member, nick: to });
    }
    const entry = entryOf(context, 'nick', from, to);
    addEntry(room, entry);
  }
}

/** Empties the rooms of a network that is not connected. */
export function leaveAll(draft: Draft, network: DraftNetwork | Network) {
  for (const key of network.rooms) {
    const known = draft.rooms.get(key);
    if (!known?.joined && !known?.members.size) continue;
    const room = draft.roomByKey(key);
    if (!room) continue;
    room.joined = false;
    room.members.clear();
  }
}
