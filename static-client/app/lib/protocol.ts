// Written by `cargo xtask generate` from common/protocol; not to be edited.

/**
 * The name of an account: `^[a-z][a-z0-9_-]{0,30}$`, so that it is also an IRC nickname
 * (RFC 2812, section 2.3.1), a path segment and the local part of a user address.
 */
export type AccountName = string;

/**
 * A mail address that mail can be sent to: an ASCII `Mailbox` of RFC 5321 section 4.1.2 without a quoted local
 * part or an address literal. The domain is in lower case.
 */
export type EmailAddress = string;

/** Several scopes, separated by spaces; they add up. */
export type Scopes = string;

/**
 * A point in time: milliseconds since 1970-01-01T00:00:00Z.
 *
 * In JSON it is the string `2026-01-15T10:00:00.000Z`.
 */
export type Timestamp = string;

/** RFC 9457 problem details, `application/problem+json`. */
export type Problem = {
  /** Always `about:blank`: the status says it. */
  type: string;
  /** The status in words. */
  title: string;
  /** HTTP status. */
  status: number;
  /** One sentence: what was wrong, with which input, what to do. */
  detail: string;
};

/** Answer to `GET /api`: what a client has to know before anybody has signed in. */
export type ServerInfo = {
  /** What the installation is called. */
  name: string;
  /** The version of the functions. */
  version: string;
  /** Whether the first account is missing, and can be made with the set-up token. */
  needs_setup: boolean;
  /** Origin of the storage. */
  storage: string;
};

/** `POST /api/accounts`. */
export type NewAccount = {
  /** The name wanted. */
  name: string;
  /** The password wanted. */
  password: string;
  /** The token of an invite; or */
  invite?: string;
  /** the set-up token, for the first account. */
  setup?: string;
};

/** `POST /api/session`. */
export type NewSession = {
  /** The account. */
  name: string;
  /** Its password. */
  password: string;
};

/** Answer to `POST /api/session` and `POST /api/accounts`; without `token`, to `GET /api/session`. */
export type SessionResponse = {
  /** The account. */
  account: AccountName;
  /** May manage the installation. */
  admin: boolean;
  /** `alice@chat.example.org`, to connect remoteStorage apps with. */
  user_address: string;
  /** The storage root, without a slash at its end. */
  storage: string;
  /** Where chat archives are kept, if not there. */
  archive?: ArchiveView;
  /** Bearer token for `/api`. */
  token?: string;
  /** When the token ends. */
  expires?: Timestamp;
};

/** What a grant is for. */
export type GrantKind = "session" | "app" | "irc" | "consent";

/** `POST /api/grants`: a token for an app or an IRC client. */
export type NewGrant = {
  /** `app` or `irc`. */
  kind: GrantKind;
  /** Who holds it: an origin or a label. */
  client: string;
  /** What it may do; required for `app`, absent for `irc`. */
  scopes?: Scopes;
  /** Whether it ends with the session that asks for it, as what the web client needs for itself does. */
  with_session?: boolean;
};

/** A grant. */
export type GrantView = {
  /** Its id. */
  id: string;
  /** What it is for. */
  kind: GrantKind;
  /** Who holds it: an origin or a label. */
  client: string;
  /** What it opens. */
  scopes?: Scopes;
  /** When it was made. */
  created: Timestamp;
  /** When it ends, if it does. */
  expires?: Timestamp;
  /** Whether it is the session that asks. */
  current: boolean;
  /**
   * Whether the server made it, for the account's connection to the server's own network. To revoke it is to
   * change it: the connection gets another one.
   */
  managed: boolean;
  /** The token; only when it has just been made. */
  token?: string;
};

/** The outcome of a mail. */
export type MailResult = "sent" | "undeliverable" | "failed";

/** An invite. */
export type InviteView = {
  /** Its id. */
  id: string;
  /** Who invites. */
  inviter: AccountName;
  /** When it was made. */
  created: Timestamp;
  /** When it ends. */
  expires: Timestamp;
  /** Who came by it. */
  used_by?: AccountName;
  /** Whom it was mailed to. */
  email?: EmailAddress;
  /** What became of the mail; absent while that is not known. */
  mail?: MailResult;
  /** Why it was not sent, one sentence. */
  mail_problem?: string;
  /** The token; only when it has just been made. */
  token?: string;
};

/** Answer to `GET /api/invites/<token>`. */
export type InviteAbout = {
  /** Who invites. */
  inviter: AccountName;
  /** When it ends. */
  expires: Timestamp;
};

/** A connector that the account may use. */
export type ConnectorAddress = {
  /** The connector's id. */
  id: string;
  /** Origin of its Sockethub server, `https://irc.example.org`; the path is `/sockethub`. */
  url: string;
  /** Its platforms, `irc`. */
  platforms: Array<string>;
  /** The ticket for it. */
  ticket: string;
};

/** Answer to `POST /api/tickets`. */
export type TicketResponse = {
  /** One entry a connector. */
  connectors: Array<ConnectorAddress>;
  /** When the tickets end. */
  expires: Timestamp;
};

/** What a network takes for the same letter; on IRC the ISUPPORT token CASEMAPPING. */
export type Folding = "ascii" | "rfc1459" | "rfc1459-strict" | "exact";

/** How names of persons and channels compare. */
export type Names = {
  /** What is taken until the network has said something else. */
  compare: Folding;
  /** What may stand within a name besides letters and digits: in a text it is no end of one. */
  inside: string;
};

/** How a name shows what it is the name of: each is a set of characters. */
export type Conversations = {
  /** What names of channels begin with; empty if they cannot be told by their names. */
  channels: string;
  /** The beginning that people may leave out; empty if there is none. */
  usual: string;
  /** What may stand before the name of a channel: it is for those within it who have that rank. */
  parts: string;
  /** What only names of servers have in them. */
  servers: string;
};

/** What may be in a field. */
export type FieldKind = "text" | "word" | "own-name" | "host" | "port" | "secret" | "flag" | "channels";

/** A default that is another one while a flag is off. */
export type Unless = {
  /** The field that is the flag. */
  flag: string;
  /** The default while it is off. */
  default: string | number | boolean;
};

/**
 * A field of a connection.
 *
 * `host`, `port` and `username` say where a connection leads to and as whom: no two connections of an account have all
 * three in common. `name`, what people call the network, is a field of every platform and is not described.
 */
export type ConnectionField = {
  /** Its key in the record and in the API, `^[a-z0-9_]{1,64}$`. */
  name: string;
  /** What may be in it. */
  kind: FieldKind;
  /** What people call it. */
  label: string;
  /** One sentence below it. */
  hint?: string;
  /** An example. */
  placeholder?: string;
  /** A connection cannot be without it. */
  required?: boolean;
  /** Its length in bytes (of a text: characters; of channels: how many), 200 if absent. */
  limit?: number;
  /** What it is if it is not given. */
  default?: string | number | boolean;
  /** When it is something else if it is not given. */
  unless?: Unless;
  /** Characters that are not in it. */
  without?: string;
  /** Characters that it does not begin with. */
  begins_without?: string;
  /** What is expected, for whoever gave something else. */
  expected?: string;
  /** Flags that a form sets as well if this is given. */
  implies?: Array<string>;
  /** It is taken, but a form does not ask for it. */
  unasked?: boolean;
};

/** What a platform can do. Nothing else is offered on it, and what is asked for all the same is refused. */
export type Feature = "calls" | "channels" | "deletion" | "edits" | "history" | "reactions" | "replies" | "roles" | "services" | "topics" | "typing" | "uploads" | "unknown";

/** A kind of network. */
export type PlatformDescriptor = {
  /** Its id, `^[a-z0-9-]{1,64}$`: the platform of connections, and a part of `@context`. */
  id: string;
  /** What people call it. */
  label: string;
  /** How names compare. */
  names: Names;
  /** How names show what they are names of. */
  conversations: Conversations;
  /** The scheme of its addresses, `irc` in `irc://server/channel`; absent if it has none. */
  scheme?: string;
  /** The fields of a connection, in the order in which they are asked for. */
  fields: Array<ConnectionField>;
  /** What it can do. */
  supports: Array<Feature>;
};

/** What a connector is, and so what its key opens. */
export type ConnectorKind = "gateway" | "ircd" | "smtp";

/** Body of `POST /api/connectors`. */
export type NewConnector = {
  /** What it is. The word `irc` of before is a gateway. */
  kind: ConnectorKind;
  /** Of a gateway: what it connects to; `irc` if absent. */
  platform?: string;
  /** Its id, `^[a-z0-9-]{1,32}$`; made from the platform or the kind if absent. */
  id?: string;
  /**
   * Where it will be reached: by browsers, an origin; of an IRC server, `irc://host:port` or `ircs://host:port`;
   * of a mail connector, `smtp://` and the domain of its addresses.
   */
  url?: string;
};

/** How a connector is. */
export type ConnectorState = "configured" | "waiting" | "registered" | "silent";

/** One connector in answers of `/api/connectors`. */
export type ConnectorView = {
  /** Its id. */
  id: string;
  /** What it is; empty for those of the configuration. */
  kind: string;
  /** How it is. */
  state: ConnectorState;
  /** What it last said about itself. */
  registration: Registration;
  /** When it was made. */
  created?: Timestamp;
  /** When it registered last, within ten minutes. */
  seen?: Timestamp;
  /** Its key, hexadecimal; only when it has just been made. */
  key?: string;
  /** The command that starts it, key included; only when that has just been made. */
  command?: string;
};

/** Body of `POST /connector/register`: a connector says where it is and what it can do. */
export type Registration = {
  /** Origin of its Sockethub server as browsers reach it; none if it has nothing for browsers. */
  url?: string;
  /** Platforms it serves, `irc`. */
  platforms: Array<string>;
  /** What these say of themselves; one that says nothing is as `DEFAULT_DESCRIPTOR` has it, if it is that. */
  descriptors?: Array<PlatformDescriptor>;
  /** The program's version. */
  version: string;
  /** The private network that it is. */
  network?: NetworkInfo;
  /** The mail it takes and sends. */
  mail?: MailInfo;
};

/** A private IRC network, for other connectors. */
export type NetworkInfo = {
  /** What people call it. */
  name: string;
  /** The server as in ids and archives. */
  server: string;
  /** Host that connectors dial. */
  host: string;
  /** Port that connectors dial. */
  port: number;
  /** TLS. */
  secure: boolean;
  /** Channels that a new account is in. */
  channels: Array<string>;
};

/** What a mail connector can do, for [`crate::Registration`]. */
export type MailInfo = {
  /** The domain that channels have addresses in, lower case. */
  domain: string;
  /** Whether it also sends mail. */
  sends: boolean;
};

/** An address by which mail reaches a channel. */
export type MailAddressView = {
  /** Its id. */
  id: string;
  /** The address. */
  address: string;
  /** The connection over which the channel is reached. */
  connection: string;
  /** The channel. */
  channel: string;
  /** When it was made. */
  created: Timestamp;
};

/** Answer to `/api/notifications`: where missed mentions are mailed to. */
export type NotificationsView = {
  /** Whether this installation sends mail at all. */
  available: boolean;
  /** The address, if there is one. */
  email: EmailAddress | null;
  /** Whether its owner has confirmed it. */
  confirmed: boolean;
  /** Whether mail is wanted. */
  enabled: boolean;
  /** How long a message waits to be read. */
  minutes: number;
  /** What the mail server said when it refused the address. */
  undeliverable: string | null;
};

/** The state of writing archives to an external storage. */
export type ArchiveState = "ok" | "unreachable" | "full" | "renew";

/** An external storage as the API shows it: without its token. */
export type ArchiveView = {
  /** The user's address there. */
  user_address: string;
  /** The storage's address. */
  root: string;
  /** The page on which the user authorises apps. */
  authorize?: string;
  /** How it goes. */
  state: ArchiveState;
  /** Why it does not go well, one sentence. */
  reason?: string;
  /** Since when the state is what it is. */
  since: Timestamp;
  /** When the user connected it. */
  connected: Timestamp;
};

/** `PUT /api/archive`. */
export type NewArchivePlace = {
  /** The user's address, `alice@example.org`. */
  user_address: string;
  /** The storage as the client found it; it must be what the server's WebFinger says. */
  root?: string;
  /** A bearer token with the scope `chat-messages:rw`. */
  token: string;
};

/** Answer to `GET /api/archive/token`. */
export type ArchiveToken = {
  /** The storage's address, without a slash at its end. */
  root: string;
  /** The bearer token. */
  token: string;
};

/** Where the documents of an account are, without the secret. */
export type PlaceView = { "kind": "installation" } | { "kind": "bucket",
  /** Address of the S3 server, if it is not Amazon's. */
  endpoint: string | null;
  /** Its region. */
  region: string;
  /** Its name. */
  bucket: string;
  /** What all keys begin with. */
  prefix: string;
  /** Whether the bucket is in the path instead of the host name. */
  path_style: boolean;
  /** Id of the access key. */
  access_key_id: string;
};

/** How far a move is. */
export type MovePhase = "copying" | "closed" | "marked";

/** A move that is under way. */
export type MoveView = {
  /** Where to. */
  to: PlaceView;
  /** How far it is. */
  phase: MovePhase;
  /** Objects that are there. */
  objects: number;
  /** Their bytes. */
  bytes: number;
  /** When it began. */
  started: Timestamp;
};

/** Answer to `/api/store`. */
export type StoreView = {
  /** Where the documents are. */
  place: PlaceView;
  /** The move that is under way. */
  moving?: MoveView;
  /** Where copies are left that nobody uses. */
  left: Array<PlaceView>;
  /** Whether this installation can reach buckets of users' own. */
  available: boolean;
};

/** Answer to `POST /api/store/test`. */
export type StoreTested = {
  /** Whether the bucket can be used. */
  works: boolean;
  /** Why, or why not, one sentence. */
  detail: string;
};

/** Answer to `GET /api/store/kept`: what is retained of overwritten and deleted documents. */
export type KeptView = {
  /** How many versions there are. */
  versions: number;
  /** Their bytes. */
  bytes: number;
  /** How many bytes there may be. */
  most_bytes: number;
  /** For how long they are retained. */
  days: number;
};

/** Answer to `POST /api/calls`. */
export type CallLink = {
  /** The call's id. */
  id: string;
  /** The token that opens it. */
  token: string;
  /** The link with the token. */
  link: string;
  /** Whether people without an account may join. */
  guests: boolean;
  /** When the link ends. */
  expires: Timestamp;
};

/** Answer to `GET /api/calls/<token>`: what is behind a link. */
export type CallAbout = {
  /** Who started it. */
  account: AccountName;
  /** Where its link was said, for people: `#general`. */
  target: string;
  /** Whether people without an account may join. */
  guests: boolean;
  /** When the link ends. */
  expires: Timestamp;
};

/** One of `RTCConfiguration.iceServers`. */
export type IceServer = {
  /** Where it is. */
  urls: Array<string>;
  /** Who asks. */
  username: string;
  /** What proves it. */
  credential: string;
};

/** Answer to `POST /api/calls/<token>`: how to take part. */
export type CallAdmission = {
  /** What one is called there. */
  name: string;
  /** Whether one is a guest. */
  guest: boolean;
  /** Whether one may remove others. */
  moderator: boolean;
  /** Names the device in the call. */
  peer: string;
  /** Origin of the connector that carries the signalling. */
  url: string;
  /** The ticket for it. */
  ticket: string;
  /** The TURN servers, if there are any. */
  ice_servers: Array<IceServer>;
  /** For how many seconds these may be used; then whoever is in the call asks again. */
  ice_ttl: number;
  /** When the ticket ends. */
  expires: Timestamp;
};

/** What holds of a platform that says nothing of itself. */
export const DEFAULT_DESCRIPTOR: PlatformDescriptor = {
  "id": "irc",
  "label": "IRC",
  "names": { "compare": "rfc1459", "inside": "_-[]{}\\|^`" },
  "conversations": { "channels": "#&+!", "usual": "#", "parts": "@%~", "servers": "." },
  "scheme": "irc",
  "fields": [
    {
      "name": "host", "kind": "host", "label": "Host", "placeholder": "irc.libera.chat", "required": true
    },
    {
      "name": "port", "kind": "port", "label": "Port", "default": 6697, "unless": { "flag": "secure", "default": 6667 }
    },
    {
      "name": "secure", "kind": "flag", "label": "Encrypted connection (TLS)", "default": true
    },
    {
      "name": "nick", "kind": "own-name", "label": "Nickname", "limit": 64,
      "without": ",*?!@.", "begins_without": "#&+!$:-@~%0123456789",
      "expected": "a nickname takes letters, digits and -_[]{}\\|^`, begins with none of the digits and has no spaces"
    },
    {
      "name": "password", "kind": "secret", "label": "Password", "limit": 300,
      "hint": "If your nickname is registered there.", "implies": ["sasl"]
    },
    {
      "name": "username", "kind": "word", "label": "User name", "limit": 128, "begins_without": ":@", "unasked": true,
      "expected": "it has at most 128 bytes and no spaces, like alice or, for a bouncer, alice/network@client"
    },
    {
      "name": "realname", "kind": "text", "label": "Real name", "limit": 200, "unasked": true
    },
    {
      "name": "sasl", "kind": "flag", "label": "Sign in with SASL", "default": true, "unasked": true
    },
    {
      "name": "without_account", "kind": "flag", "default": false,
      "label": "Join the channels even while the network offers no sign-in",
      "hint": "With a password, your channels wait until the network has signed you in. With this they do not: others may meet you there without your account. A password that is refused ends the attempt either way."
    },
    {
      "name": "channels", "kind": "channels", "label": "Channels", "limit": 200, "placeholder": "#channel, #another",
      "hint": "Joined whenever it connects; separated by commas.",
      "expected": "a channel begins with # (or &, + or !) and has no spaces or commas"
    }
  ],
  "supports": ["calls", "channels", "history", "roles", "services", "topics"]
};
