import Route from '@ember/routing/route';
import { service } from '@ember/service';
import { sentenceOf } from '../lib/api.ts';
import type SessionService from '../services/session.ts';

export interface SetupModel {
  token: string;
  /** Why nothing can be set up. */
  sentence: string;
}

export default class SetupRoute extends Route {
  @service declare session: SessionService;

  async model({ token }: { token: string }): Promise<SetupModel> {
    try {
      const { needs_setup } = await this.session.api.info();
      const sentence = needs_setup
        ? ''
        : 'This server is already set up. Sign in, or ask a teammate for an invitation.';
      return { token, sentence };
    } catch (error) {
      return { token, sentence: sentenceOf(error) };
    }
  }
}
