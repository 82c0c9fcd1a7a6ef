/** Dialogs that need no arguments. */

import type { Dialog } from '../services/ui.ts';

export const NEW_NETWORK_DIALOG: Dialog = { kind: 'network' };
export const INVITE_DIALOG: Dialog = { kind: 'invite' };
export const SWITCHER_DIALOG: Dialog = { kind: 'switcher' };
export const HELP_DIALOG: Dialog = { kind: 'help' };
