// A phone's photo, small enough for a weak network and for the phone's own store.
const longest = 2048
const light = 1_500_000
const quality = 0.85

/** The size that a photo is brought to; the same when it is small already. */
export function fitted(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height))
  return { width: Math.round(width * scale), height: Math.round(height * scale) }
}

/** Null when the file is no photo. A small one stays as it is, with its time and place. */
export async function prepared(file: Blob): Promise<Blob | null> {
  let picture: ImageBitmap
  try {
    picture = await createImageBitmap(file, { imageOrientation: 'from-image' })
  } catch {
    return null
  }
  try {
    if (file.size <= light && ['image/jpeg', 'image/png', 'image/webp'].includes(file.type)) return file
    const { width, height } = fitted(picture.width, picture.height)
    const canvas = document.createElement('canvas')
    canvas.width = width
    canvas.height = height
    canvas.getContext('2d')?.drawImage(picture, 0, 0, width, height)
    return await new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', quality))
  } finally {
    picture.close()
  }
}
