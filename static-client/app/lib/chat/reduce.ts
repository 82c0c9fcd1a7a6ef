/** Activities from the gateway, applied to the state. */

import type { Activity, ActivityObject, Entity } from '../activities.ts';
import { contentOf, publishedAt } from '../activities.ts';
import { parseCasemapping, same } from '../casemapping.ts';
import { isChannel } from '../conversations.ts';
import { FoldedMap } from '../folded.ts';
import { splitId } from '../ids.ts';
import { isMention } from '../text/tokens.ts';
import {
  roomKey,
  type Draft,
  type DraftNetwork,
  type DraftRoom,
} from './draft.ts';
import { addEntry, settle } from './entries.ts';
import {
  SERVER_ROOM,
  type Entry,
  type EntryKind,
  type Member,
  type Network,
  type Role,
} from './types.ts';

/** What else is worth telling, besides the state. */
export interface Happening {
  type: 'message' | 'invite' | 'settled' | 'moved';
  networkId: string;
  room: string;
  entry?: Entry;
  localId?: string;
  /** The key that a room had before. */
  from?: string;
}

const ROLES: readonly unknown[] = ['owner', 'admin', 'participant', 'member'];

function isRole(value: unknown): value is Role {
  return ROLES.includes(value);
}

/** Applies one activity. `now` is used where the activity gives no time. */
export function reduce(
  draft: Draft,
  activity: Activity,
  now: number,
): Happening[] {
  const server = splitId(
    activity.actor?.id ?? activity.target?.id ?? '',
  ).server;
  const network = draft.networkOf(server);
  if (!network) return [];
  const context: Context = {
    draft,
    network,
    activity,
    at: publishedAt(activity, now),
    happenings: [],
  };
  const handler = HANDLERS[activity.type];
  handler?.(context);
  return context.happenings;
}

interface Context {
  draft: Draft;
  network: Network;
  activity: Activity;
  at: number;
  happenings: Happening[];
}

/** The object of one type. */
type ObjectOf<Type extends string> = Extract<ActivityObject, { type: Type }>;

const HANDLERS: Record<string, (context: Context) => void> = {
  send,
  join,
  leave,
  query,
  invite,
  add: role,
  remove: role,
  error: trouble,
  update(context) {
    const { object } = context.activity;
    if (object?.type === 'connection') connection(context, object);
    else if (object?.type === 'presence') presence(context, object);
    else if (object?.type === 'topic') topic(context, object);
    else if (object?.type === 'address') nick(context);
  },
};

function nameOf(entity: Entity | undefined): string {
  return entity?.name ?? splitId(entity?.id ?? '').name;
}

/** Whether an entity is a channel: it says so itself, or its name does. */
function isRoom(network: Network, entity: Entity | undefined): boolean {
  if (entity?.type) return entity.type === 'room';
  return isChannel(nameOf(entity), network.conversations);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isOwn(network: Network, name: string): boolean {
  return same(name, network.nick, network.casemapping);
}

function entryOf(
  { network, activity, at }: Context,
  kind: EntryKind,
  from: string,
  content: string,
): Entry {
  const own = isOwn(network, from);
  const { object } = activity;
  const clientId =
    own && object && 'clientId' in object && text(object.clientId);
  const said = kind === 'message' || kind === 'action' || kind === 'notice';
  return {
    id: activity.id ?? `live:${kind}:${from}:${at}:${content}`,
    at,
    kind,
    from,
    text: content,
    own,
    ...(clientId ? { clientId } : {}),
    mention:
      said && !own && isMention(content, network.nick, network.casemapping),
  };
}

function send(context: Context) {
  const { draft, network, activity, happenings } = context;
  const from =
    activity.actor?.type === 'service'
      ? network.name
      : nameOf(activity.actor) || network.name;
  const kind =
    activity.object?.type === 'me'
      ? 'action'
      : activity.object?.type === 'notice'
        ? 'notice'
        : 'message';
  const entry = entryOf(context, kind, from, contentOf(activity));
  const to = nameOf(activity.target);
  const toChannel = isRoom(network, activity.target);
  let name: string;
  if (toChannel) name = to;
  else if (activity.actor?.type === 'service') name = SERVER_ROOM;
  else name = entry.own ? to : from;
  // Services answer with notices: they are no conversation unless there is one already.
  if (
    kind === 'notice' &&
    !toChannel &&
    !draft.rooms.has(roomKey(network, name))
  ) {
    name = SERVER_ROOM;
  }
  const room = draft.openRoom(
    network.id,
    name,
    toChannel ? 'channel' : 'direct',
  );
  if (!room) return;
  if (entry.own && !room.ids.has(entry.id)) {
    const localId = settle(room, entry);
    if (localId) {
      happenings.push({
        type: 'settled',
        networkId: network.id,
        room: room.key,
        localId,
      });
    }
  }
  if (room.kind === 'direct' && !entry.own && kind !== 'notice') {
    entry.mention = true;
  }
  if (addEntry(room, entry)) {
    happenings.push({
      type: 'message',
      networkId: network.id,
      room: room.key,
      entry,
    });
  }
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

function join(context: Context) {
  const { draft, network, activity } = context;
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
  // An own join without an id only tells the state after `connect`.
  if (!own || activity.id) addEntry(room, entryOf(context, 'join', who, ''));
}

function leave(context: Context) {
  const { draft, network, activity } = context;
  const who = nameOf(activity.actor);
  const { object } = activity;
  const by = object && 'by' in object ? text(object.by) : '';
  const reason = contentOf(activity);
  const said = by ? `kicked by ${by}${reason ? `: ${reason}` : ''}` : reason;
  // As archives have it.
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
    addEntry(room, { ...entryOf(context, 'leave', who, said), sentence });
  }
}

function sharedRooms(draft: Draft, network: Network, who: string) {
  return network.rooms
    .filter((room) => draft.rooms.get(room)?.members.has(who))
    .map((room) => draft.roomByKey(room));
}

function query({ draft, network, activity }: Context) {
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

function presence(
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

function role({ draft, network, activity }: Context) {
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

function topic(context: Context, object: ObjectOf<'topic'>) {
  const { draft, network, activity } = context;
  const channel = nameOf(activity.target);
  const content = contentOf(activity) || text(object.topic);
  if (!isRoom(network, activity.target)) return;
  const room = draft.room(network.id, channel);
  if (!room) return;
  room.topic = content;
  // Without an id it is the state after `connect`, not a change.
  if (activity.id) {
    addEntry(room, entryOf(context, 'topic', nameOf(activity.actor), content));
  }
}

function nick(context: Context) {
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

function connection(
  { draft, network, activity, happenings }: Context,
  object: ObjectOf<'connection'>,
) {
  const changed = draft.network(network.id);
  const { status } = object;
  if (!changed) return;
  if (status === 'connecting' || status === 'online' || status === 'offline') {
    changed.status = status;
  }
  changed.sentence = contentOf(activity);
  const current = text(object.nick) || nameOf(activity.target);
  if (current) changed.nick = current;
  if (object.casemapping !== undefined) {
    const casemapping = parseCasemapping(
      object.casemapping,
      changed.casemapping,
    );
    if (casemapping !== changed.casemapping) {
      changed.casemapping = casemapping;
      for (const [from, to] of draft.rekey(network.id)) {
        happenings.push({
          type: 'moved',
          networkId: network.id,
          room: to,
          from,
        });
      }
    }
  }
  if (changed.status !== 'online') leaveAll(draft, changed);
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

function invite(context: Context) {
  const { draft, network, activity, happenings } = context;
  const who = nameOf(activity.actor);
  const target = nameOf(activity.target);
  const { object } = activity;
  const channel = object && 'name' in object ? text(object.name) : '';
  if (object?.type !== 'room' && !isChannel(channel, network.conversations)) {
    return;
  }
  if (!channel || isOwn(network, who)) return;
  if (!isOwn(network, target)) return;
  const room = draft.openRoom(network.id, SERVER_ROOM);
  if (!room) return;
  const entry = entryOf(
    context,
    'info',
    who,
    `${who} invites you to ${channel}`,
  );
  if (addEntry(room, entry)) {
    happenings.push({
      type: 'invite',
      networkId: network.id,
      room: room.key,
      entry,
    });
  }
}

function trouble(context: Context) {
  const { draft, network, activity } = context;
  const sentence = text(activity.error) || contentOf(activity);
  if (!sentence) return;
  const target = nameOf(activity.target);
  const room =
    (target ? draft.room(network.id, target) : undefined) ??
    draft.openRoom(network.id, SERVER_ROOM);
  if (room) addEntry(room, entryOf(context, 'error', network.name, sentence));
}
