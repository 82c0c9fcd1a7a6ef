/** Microphone, camera and screen, and messages for when the browser does not provide them. */

import { cameraConstraints, screenConstraints } from './limits.ts';

export interface Choice {
  id: string;
  label: string;
}

export interface Devices {
  microphones: Choice[];
  cameras: Choice[];
}

export type Kind = 'microphone' | 'camera' | 'screen';

/** A device that could not be used, with a sentence for users. */
export class DeviceTrouble extends Error {}

export async function openMicrophone(id: string): Promise<MediaStreamTrack> {
  return open('microphone', id, (device) => ({
    audio: { echoCancellation: true, noiseSuppression: true, ...device },
  }));
}

/** Opens a camera for a call with this many people. */
export async function openCamera(
  id: string,
  people = 2,
): Promise<MediaStreamTrack> {
  return open('camera', id, (device) => ({
    video: { ...cameraConstraints(people), ...device },
  }));
}

/** Returns undefined if the user cancelled. */
export async function openScreen(): Promise<MediaStreamTrack | undefined> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: screenConstraints(),
    });
    const track = stream.getVideoTracks()[0];
    // Sharpness matters more than motion.
    if (track) track.contentHint = 'detail';
    return track;
  } catch (error) {
    if ((error as Error).name === 'NotAllowedError') return undefined;
    throw trouble('screen', error);
  }
}

/** The available devices; labels are available once a device was allowed. */
export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind: MediaDeviceKind, name: string): Choice[] =>
    all
      .filter((device) => device.kind === kind && device.deviceId)
      .map(({ deviceId, label }, at) => ({
        id: deviceId,
        label: label || `${name} ${at + 1}`,
      }));
  return {
    microphones: of('audioinput', 'Microphone'),
    cameras: of('videoinput', 'Camera'),
  };
}

async function open(
  kind: Kind,
  id: string,
  constraints: (device: MediaTrackConstraints) => MediaStreamConstraints,
): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices) {
    throw new DeviceTrouble(
      "This page wasn't loaded over https, so the browser blocks microphone and camera.",
    );
  }
  const ask = async (device: MediaTrackConstraints) => {
    const asked = constraints(device);
    const stream = await navigator.mediaDevices.getUserMedia(asked);
    return stream.getTracks()[0]!;
  };
  try {
    return await ask(id ? { deviceId: { exact: id } } : {}).catch(
      (error: unknown) => {
        // The device chosen earlier is gone; another is better than none.
        if (id && (error as Error).name === 'OverconstrainedError') {
          return ask({});
        }
        throw error;
      },
    );
  } catch (error) {
    throw trouble(kind, error);
  }
}

/** The message for a device that does not respond. */
export async function silence(kind: Kind): Promise<string> {
  try {
    const name = kind as PermissionName;
    const { state } = await navigator.permissions.query({ name });
    if (state === 'prompt') {
      return `Your browser asks whether this page may use the ${kind}. Answer it, or continue without.`;
    }
  } catch {
    // Not every browser supports this.
  }
  return `The ${kind} doesn't respond. Try again, continue without it, or reload the page.`;
}

export function trouble(kind: Kind, error: unknown): DeviceTrouble {
  const { name, message } = error as Error;
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new DeviceTrouble(
        `Access to the ${kind} is blocked. Allow it in the address bar, then switch it on again.`,
      );
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new DeviceTrouble(`No ${kind} found.`);
    case 'NotReadableError':
      return new DeviceTrouble(
        `Can't use the ${kind}. Another program may be using it.`,
      );
    default:
      return new DeviceTrouble(`Can't use the ${kind}: ${message}.`);
  }
}
