// The codes the filters offer. An unknown code from a newer server is shown as it is.
export const protocols = ['osmand', 'owntracks', 'gpslogger', 'native'] as const
export const duties = ['session', 'schedule', 'always'] as const
export const datums = ['wgs84', 'gcj02', 'bd09'] as const
export const reasons = [
  'bad_number',
  'bad_time',
  'bad_place',
  'bad_json',
  'bad_form',
  'bad_gzip',
  'too_large',
  'too_many',
  'no_key',
  'wrong_key',
  'bad_session',
  'bad_crs',
  'not_understood',
  'refused',
] as const
