import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type PreferencesService from '../services/preferences.ts';
import type SessionService from '../services/session.ts';

export default class ApplicationRoute extends Route {
  @service declare session: SessionService;
  @service declare preferences: PreferencesService;

  async beforeModel() {
    this.preferences.applyTheme();
    await this.session.restore();
  }
}
