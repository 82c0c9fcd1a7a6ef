// InspIRCd, the second network: an IRC server by others.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort } from './ports.mjs';
import { Program, findProgram, temporaryFolder } from './processes.mjs';

const MODULES = [
  'cap',
  'ircv3',
  'ircv3_accounttag',
  'ircv3_batch',
  'ircv3_capnotify',
  'ircv3_chghost',
  'ircv3_ctctags',
  'ircv3_echomessage',
  'ircv3_invitenotify',
  'ircv3_labeledresponse',
  'ircv3_msgid',
  'ircv3_servertime',
  'monitor',
  'namesx',
  'setname',
];

/** Starts InspIRCd on a free port of loopback. */
export async function startInspircd() {
  const folder = temporaryFolder('inspircd');
  const port = await freePort();
  for (const name of ['data', 'log']) mkdirSync(join(folder, name));
  const limits =
    'timeout="15" hardsendq="1048576" softsendq="8192" recvq="8192" threshold="1000" ' +
    'commandrate="1000000" fakelag="no" localmax="1000" globalmax="1000" maxchans="100"';
  const config = [
    '<server name="irc.example.test" description="test" network="Example" id="00A">',
    '<admin name="x" nick="x" email="x@example.test">',
    `<path configdir="${folder}" datadir="${folder}/data" logdir="${folder}/log" runtimedir="${folder}">`,
    `<bind address="127.0.0.1" port="${port}" type="clients">`,
    `<connect allow="*" ${limits} resolvehostnames="no" useident="no">`,
    ...MODULES.map((name) => `<module name="${name}">`),
  ];
  const file = join(folder, 'inspircd.conf');
  writeFileSync(file, `${config.join('\n')}\n`);
  const args = [`--config=${file}`, '--nofork'];
  if (process.getuid() === 0) args.push('--runasroot');
  const program = new Program('inspircd', findProgram('inspircd'), args);
  await program.line(/InspIRCd is now running/);
  return { port, stop: () => program.stop() };
}
