import Route from '@ember/routing/route';
import { service } from '@ember/service';
import { sentenceOf } from '../lib/api.ts';
import type SessionService from '../services/session.ts';

export interface InvitationModel {
  token: string;
  inviter: string;
  /** Why it cannot be used. */
  sentence: string;
}

export default class InviteRoute extends Route {
  @service declare session: SessionService;

  async model({ token }: { token: string }): Promise<InvitationModel> {
    try {
      const { inviter } = await this.session.api.invite(token);
      return { token, inviter, sentence: '' };
    } catch (error) {
      return { token, inviter: '', sentence: sentenceOf(error) };
    }
  }
}
