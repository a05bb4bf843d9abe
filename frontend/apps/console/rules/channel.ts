// What each kind of channel asks for; the server checks it again.
export type ChannelKind = 'webhook' | 'smtp' | 'dingtalk' | 'wecom'
export const channelKinds: readonly ChannelKind[] = ['webhook', 'smtp', 'dingtalk', 'wecom']

export interface Channel {
  id: number
  org: number
  org_name: string
  kind: ChannelKind
  name: string
  enabled: boolean
  people: boolean
  drills: boolean
  events: string[]
  tiers: number[]
  urgencies: string[]
  category?: string
  settings: Record<string, string>
  /** Names of those that are set; their values are never told. */
  secrets: string[] | null
  version: number
  waiting: number
  dead: number
}

export const shapes: Record<ChannelKind, { must: readonly string[]; may: readonly string[]; secret: string }> = {
  webhook: { must: ['url'], may: ['ca'], secret: 'secret' },
  smtp: { must: ['host', 'from', 'to'], may: ['port', 'security', 'user', 'ca'], secret: 'password' },
  dingtalk: { must: ['app_key', 'agent_id'], may: ['to_users', 'to_depts', 'base', 'ca'], secret: 'app_secret' },
  wecom: {
    must: ['corp_id', 'agent_id'],
    may: ['to_users', 'to_parties', 'to_tags', 'base', 'ca'],
    secret: 'corp_secret',
  },
}

/** The form's flat values as the API's body: settings by name, and a secret only when one was typed. */
export function channelBody(kind: ChannelKind, values: Record<string, unknown>): Record<string, unknown> {
  const shape = shapes[kind]
  const settings: Record<string, string> = {}
  for (const name of [...shape.must, ...shape.may]) {
    const value = values[name]
    if (typeof value === 'string' && value.trim()) settings[name] = value.trim()
  }
  const secret = values[shape.secret]
  const { org, name, enabled, people, drills, events, tiers, urgencies, category } = values
  return {
    org,
    kind,
    name,
    enabled: !!enabled,
    people: !!people,
    drills: !!drills,
    events: events ?? [],
    tiers: ((tiers as unknown[] | undefined) ?? []).map(Number),
    urgencies: urgencies ?? [],
    category: category ?? '',
    settings,
    ...(typeof secret === 'string' && secret ? { secrets: { [shape.secret]: secret } } : {}),
  }
}
