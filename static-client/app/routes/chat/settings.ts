import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type UiService from '../../services/ui.ts';

export default class SettingsRoute extends Route {
  @service declare ui: UiService;

  model(params: { section: string }) {
    return params.section;
  }

  afterModel() {
    this.ui.closeDrawer();
  }
}
