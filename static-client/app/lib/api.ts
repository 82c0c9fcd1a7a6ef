/** The HTTP interface of the functions, `functions/API.md`. */

import type { Connection } from './chat/types.ts';
import type {
  ArchiveFound,
  ArchiveToken,
  ArchiveView,
  CallAbout,
  CallAdmission,
  CallLink,
  ConnectionList,
  ConnectorChange,
  ConnectorList,
  ConnectorView,
  GrantList,
  GrantView,
  HookChanges,
  HookDelivery,
  HookList,
  HookView,
  InviteAbout,
  InviteList,
  InviteView,
  KeptView,
  MailAddressList,
  MailAddressView,
  NewAccount,
  NewAdmission,
  NewArchivePlace,
  NewBucket,
  NewCall,
  NewConnection,
  NewConnector,
  NewGrant,
  NewHook,
  NewInvite,
  NewMailAddress,
  NewNotifications,
  NewPassword,
  NewPlace,
  NewSession,
  NotificationsView,
  ServerInfo,
  SessionResponse,
  StoreTested,
  StoreView,
  TicketResponse,
} from './protocol.ts';
import type { Bare, Filled } from './request.ts';
import { to } from './request.ts';

/** A failed request, with a sentence for users. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** How long an answer may take, in ms. */
const REQUEST_TIMEOUT = 20_000;
/** The same for requests that involve external servers or many documents. */
const STORE_TIMEOUT = 120_000;

export class ApiClient {
  readonly origin: string;
  readonly #token: () => string | undefined;
  readonly #onUnauthorized: () => void;
  readonly #fetch: typeof fetch;

  constructor(
    origin: string,
    token: () => string | undefined,
    onUnauthorized: () => void = () => {},
    fetcher: typeof fetch = (...args) => fetch(...args),
  ) {
    this.origin = origin;
    this.#token = token;
    this.#onUnauthorized = onUnauthorized;
    this.#fetch = fetcher;
  }

  info = () => this.#request<ServerInfo>('GET /api');
  signUp = (body: NewAccount) =>
    this.#request<SessionResponse>('POST /api/accounts', body);
  signIn = (body: NewSession) =>
    this.#request<SessionResponse>('POST /api/session', body);
  session = () => this.#request<SessionResponse>('GET /api/session');
  signOut = () => this.#request<void>('DELETE /api/session');
  /** Ends all other sessions of the account. */
  endOtherSessions = () => this.#request<void>('DELETE /api/sessions');
  /** The same, with another password. */
  changePassword = (body: NewPassword) =>
    this.#request<void>('PUT /api/password', body);

  grants = async () =>
    (await this.#request<GrantList>('GET /api/grants')).grants;
  addGrant = (grant: NewGrant) =>
    this.#request<GrantView>('POST /api/grants', grant);
  revokeGrant = (id: string) =>
    this.#request<void>(to('DELETE /api/grants/<id>', { id }));

  /** Invitations, and whether this server can mail them. */
  invites = () => this.#request<InviteList>('GET /api/invites');
  addInvite = (body: NewInvite) =>
    this.#request<InviteView>('POST /api/invites', body);
  invite = (token: string) =>
    this.#request<InviteAbout>(to('GET /api/invites/<id>', { id: token }));
  revokeInvite = (id: string) =>
    this.#request<void>(to('DELETE /api/invites/<id>', { id }));

  /** The account's connections, and what more of them can be made to. */
  connections = () => this.#request<ConnectionList>('GET /api/connections');
  addConnection = (body: NewConnection) =>
    this.#request<Connection>('POST /api/connections', body);
  changeConnection = (id: string, body: Partial<NewConnection>) =>
    this.#request<Connection>(to('PATCH /api/connections/<id>', { id }), body);
  removeConnection = (id: string) =>
    this.#request<void>(to('DELETE /api/connections/<id>', { id }));

  addCall = (body: NewCall) => this.#request<CallLink>('POST /api/calls', body);
  call = (token: string) =>
    this.#request<CallAbout>(to('GET /api/calls/<token>', { token }));
  joinCall = (token: string, body: NewAdmission) =>
    this.#request<CallAdmission>(
      to('POST /api/calls/<token>', { token }),
      body,
    );
  /** Revokes the link of a call, which ends it for everyone. */
  endCall = (token: string) =>
    this.#request<void>(to('DELETE /api/calls/<token>', { token }));
  connectors = async () =>
    (await this.#request<ConnectorList>('GET /api/connectors')).connectors;
  addConnector = (body: NewConnector) =>
    this.#request<ConnectorView>('POST /api/connectors', body);
  changeConnector = (id: string, body: ConnectorChange) =>
    this.#request<ConnectorView>(
      to('PATCH /api/connectors/<id>', { id }),
      body,
    );
  removeConnector = (id: string) =>
    this.#request<void>(to('DELETE /api/connectors/<id>', { id }));

  hooks = async () => (await this.#request<HookList>('GET /api/hooks')).hooks;
  addHook = (body: NewHook) => this.#request<HookView>('POST /api/hooks', body);
  hook = (id: string) =>
    this.#request<HookView>(to('GET /api/hooks/<id>', { id }));
  changeHook = (id: string, body: HookChanges) =>
    this.#request<HookView>(to('PATCH /api/hooks/<id>', { id }), body);
  removeHook = (id: string) =>
    this.#request<void>(to('DELETE /api/hooks/<id>', { id }));
  renewHookAddress = (id: string) =>
    this.#request<HookView>(to('POST /api/hooks/<id>/token', { id }));
  renewHookSecret = (id: string) =>
    this.#request<HookView>(to('POST /api/hooks/<id>/secret', { id }));
  repeatDelivery = (id: string, delivery: string) =>
    this.#request<HookDelivery>(
      to('POST /api/hooks/<id>/deliveries/<delivery>/again', { id, delivery }),
    );

  mailAddresses = () => this.#request<MailAddressList>('GET /api/addresses');
  addMailAddress = (body: NewMailAddress) =>
    this.#request<MailAddressView>('POST /api/addresses', body);
  changeMailAddress = (id: string) =>
    this.#request<MailAddressView>(to('POST /api/addresses/<id>', { id }));
  removeMailAddress = (id: string) =>
    this.#request<void>(to('DELETE /api/addresses/<id>', { id }));

  findArchive = (address: string) =>
    this.#request<ArchiveFound>(
      to('GET /api/archive/discovery', {}, { address }),
    );
  keepArchive = (body: NewArchivePlace) =>
    this.#request<ArchiveView>('PUT /api/archive', body);
  removeArchive = () => this.#request<void>('DELETE /api/archive');
  archiveToken = () => this.#request<ArchiveToken>('GET /api/archive/token');
  mailNotifications = () =>
    this.#request<NotificationsView>('GET /api/notifications');
  setMailNotifications = (body: NewNotifications) =>
    this.#request<NotificationsView>('PUT /api/notifications', body);
  confirmMailAgain = () =>
    this.#request<NotificationsView>('POST /api/notifications');

  store = () => this.#request<StoreView>('GET /api/store');
  testStore = (bucket: NewBucket) =>
    this.#request<StoreTested>('POST /api/store/test', bucket, STORE_TIMEOUT);
  moveTo = (place: NewPlace) =>
    this.#request<StoreView>('PUT /api/store', place, STORE_TIMEOUT);
  continueMove = () =>
    this.#request<StoreView>('POST /api/store/move', undefined, STORE_TIMEOUT);
  keptVersions = () => this.#request<KeptView>('GET /api/store/kept');
  removeKeptVersions = () =>
    this.#request<void>('DELETE /api/store/kept', undefined, STORE_TIMEOUT);
  cancelMove = () => this.#request<StoreView>('DELETE /api/store/move');
  removeLeft = () =>
    this.#request<StoreView>(
      'DELETE /api/store/left',
      undefined,
      STORE_TIMEOUT,
    );

  tickets = () => this.#request<TicketResponse>('POST /api/tickets');

  async #request<T>(
    request: Bare | Filled,
    body?: unknown,
    timeout = REQUEST_TIMEOUT,
  ): Promise<T> {
    const [method, path] = request.split(' ') as [string, string];
    const token = this.#token();
    let response: Response;
    try {
      response = await this.#fetch(this.origin + path, {
        method,
        headers: {
          Accept: 'application/json',
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
        },
        body: body === undefined ? null : JSON.stringify(body),
        credentials: 'omit',
        cache: 'no-store',
        signal: AbortSignal.timeout(timeout),
      });
    } catch {
      throw new ApiError(
        0,
        `Can't reach the server at ${this.origin}. Check your connection and try again.`,
      );
    }
    if (response.status === 401 && token) this.#onUnauthorized();
    if (!response.ok) throw await problem(response);
    if (response.status === 204) return undefined as T;
    try {
      return (await response.json()) as T;
    } catch {
      throw new ApiError(
        response.status,
        `The server at ${this.origin} didn't answer with JSON. Is it a Subspace server?`,
      );
    }
  }
}

async function problem(response: Response): Promise<ApiError> {
  let detail: unknown;
  try {
    detail = ((await response.json()) as { detail?: unknown }).detail;
  } catch {
    // Not a problem document: the status has to suffice.
  }
  const sentence =
    typeof detail === 'string' && detail
      ? detail
      : `The server answered with status ${response.status}. Try again later.`;
  return new ApiError(response.status, asSentence(sentence));
}

/** Makes a text begin with a capital letter and end with a full stop. */
export function asSentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return trimmed;
  const start = /^[a-z]+[ ,]/.test(trimmed)
    ? trimmed[0]!.toUpperCase() + trimmed.slice(1)
    : trimmed;
  return /[.!?…"”)]$/.test(start) ? start : `${start}.`;
}

/** Returns the text to show for any error. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error && error.message
    ? asSentence(error.message)
    : 'Something went wrong. Try again.';
}
