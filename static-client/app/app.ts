import './css/index.css';
import Application from '@ember/application';
import compatModules from '@embroider/virtual/compat-modules';
import Resolver from 'ember-resolver';
import { catchReturn } from './lib/oauth-return.ts';
import loadInitializers from 'ember-load-initializers';
import config from 'subspace-client/config/environment';

export default class App extends Application {
  modulePrefix = config.modulePrefix;
  podModulePrefix = config.podModulePrefix;
  Resolver = Resolver.withModules(compatModules);
}

// Before the router treats the fragment as a route.
catchReturn('/settings/archives');

loadInitializers(App, config.modulePrefix, compatModules);
