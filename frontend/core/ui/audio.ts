// Tones without files, different per severity, always the twin of something
// visible. Browsers keep sound off until a gesture: `state` says so honestly.
import { Store } from '../live/store'

export type Tone = 'sos' | 'critical' | 'urgent' | 'normal'

/** Frequencies in Hz and the length of each beep in seconds. */
const scores: Record<Tone, { notes: number[]; beep: number; level: number }> = {
  sos: { notes: [880, 660, 880, 660, 880, 660], beep: 0.18, level: 0.22 },
  critical: { notes: [784, 784, 1047], beep: 0.16, level: 0.16 },
  urgent: { notes: [659, 784], beep: 0.15, level: 0.12 },
  normal: { notes: [587], beep: 0.14, level: 0.07 },
}

export class Speaker {
  readonly state = new Store<'off' | 'on' | 'muted'>('off')
  #context: AudioContext | null = null
  #mutedUntil = 0
  #unmute: ReturnType<typeof setTimeout> | null = null

  /** Call from a click or a key: the only time a browser lets sound begin. */
  async unlock(): Promise<void> {
    try {
      this.#context ??= new AudioContext()
      await this.#context.resume()
    } catch {
      // no audio device: the badge stays
    }
    this.#publish()
  }

  mute(milliseconds: number): void {
    this.#mutedUntil = Date.now() + milliseconds
    if (this.#unmute) clearTimeout(this.#unmute)
    this.#unmute = setTimeout(() => this.#publish(), milliseconds + 50)
    this.#publish()
  }

  unmute(): void {
    this.#mutedUntil = 0
    this.#publish()
  }

  play(tone: Tone): void {
    const context = this.#context
    if (context?.state !== 'running' || Date.now() < this.#mutedUntil) return
    const { notes, beep, level } = scores[tone]
    const gain = context.createGain()
    gain.connect(context.destination)
    gain.gain.value = 0
    let at = context.currentTime + 0.02
    for (const note of notes) {
      const voice = context.createOscillator()
      voice.type = 'sine'
      voice.frequency.value = note
      voice.connect(gain)
      gain.gain.setValueAtTime(0, at)
      gain.gain.linearRampToValueAtTime(level, at + 0.015)
      gain.gain.setValueAtTime(level, at + beep - 0.03)
      gain.gain.linearRampToValueAtTime(0, at + beep)
      voice.start(at)
      voice.stop(at + beep)
      at += beep + 0.05
    }
    setTimeout(() => gain.disconnect(), (at - context.currentTime) * 1000 + 200)
  }

  #publish(): void {
    const running = this.#context?.state === 'running'
    this.state.set(!running ? 'off' : Date.now() < this.#mutedUntil ? 'muted' : 'on')
  }
}
