/** Microphone, camera and screen, and what to say when the browser does not give them. */

export interface Choice {
  id: string;
  label: string;
}

export interface Devices {
  microphones: Choice[];
  cameras: Choice[];
}

type Kind = 'microphone' | 'camera' | 'screen';

const VIDEO: MediaTrackConstraints = {
  width: { ideal: 960 },
  height: { ideal: 540 },
  frameRate: { ideal: 24, max: 30 },
};

/** A device that could not be used, with a sentence for people. */
export class DeviceTrouble extends Error {}

export async function openMicrophone(id: string): Promise<MediaStreamTrack> {
  return open('microphone', {
    audio: {
      echoCancellation: true,
      noiseSuppression: true,
      ...(id ? { deviceId: { exact: id } } : {}),
    },
  });
}

export async function openCamera(id: string): Promise<MediaStreamTrack> {
  return open('camera', {
    video: { ...VIDEO, ...(id ? { deviceId: { exact: id } } : {}) },
  });
}

/** Nothing if the person changed their mind. */
export async function openScreen(): Promise<MediaStreamTrack | undefined> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { max: 15 } },
    });
    return stream.getVideoTracks()[0];
  } catch (error) {
    if ((error as Error).name === 'NotAllowedError') return undefined;
    throw trouble('screen', error);
  }
}

/** What there is to choose from; labels are there once a device was allowed. */
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
  constraints: MediaStreamConstraints,
): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices) {
    throw new DeviceTrouble(
      'This page was not loaded over https, so the browser gives it no microphone and no camera.',
    );
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    return stream.getTracks()[0]!;
  } catch (error) {
    throw trouble(kind, error);
  }
}

export function trouble(kind: Kind, error: unknown): DeviceTrouble {
  const { name, message } = error as Error;
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new DeviceTrouble(
        `The browser blocks the ${kind}; allow it for this page beside the address, then switch it on again.`,
      );
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new DeviceTrouble(`There is no ${kind} that can be used here.`);
    case 'NotReadableError':
      return new DeviceTrouble(
        `The ${kind} cannot be used; another program may be using it.`,
      );
    default:
      return new DeviceTrouble(`The ${kind} cannot be used: ${message}.`);
  }
}
