/** A connection's statistics, as measured by browsers. */

import type { Measured } from './types.ts';

export const NOTHING_YET: Measured = {
  frames: 0,
  audioPackets: 0,
  level: 0,
  ownLevel: 0,
  path: '',
};

export async function measure(
  connection: RTCPeerConnection,
): Promise<Measured> {
  const measured = { ...NOTHING_YET };
  const report = await connection.getStats();
  const all = new Map<string, Record<string, unknown>>();
  report.forEach((entry: Record<string, unknown>) =>
    all.set(entry['id'] as string, entry),
  );
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  for (const entry of all.values()) {
    const { type, kind } = entry;
    if (type === 'inbound-rtp' && kind === 'video') {
      measured.frames += number(entry['framesDecoded']);
    } else if (type === 'inbound-rtp' && kind === 'audio') {
      measured.audioPackets += number(entry['packetsReceived']);
      measured.level = number(entry['audioLevel']);
    } else if (type === 'media-source' && kind === 'audio') {
      measured.ownLevel = number(entry['audioLevel']);
    } else if (type === 'transport') {
      const pair = all.get(String(entry['selectedCandidatePairId']));
      const local = all.get(String(pair?.['localCandidateId']));
      const path = local?.['candidateType'];
      if (typeof path === 'string') measured.path = path;
    }
  }
  return measured;
}
