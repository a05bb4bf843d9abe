// Photos of a form: sent as they are chosen, shown from the file itself.
import { post, sentenceOf } from '@core/api/client'
import type { Attachment } from '@core/api/types'
import { onScopeDispose, type Ref, ref, type ShallowRef, shallowRef } from 'vue'

export const mostPhotos = 6

export interface Photos {
  photos: Readonly<ShallowRef<{ id: string; preview: string }[]>>
  uploading: Readonly<Ref<boolean>>
  add: (event: Event) => Promise<void>
}

/** What went wrong is told in the form's own `trouble`. */
export function usePhotos(kind: 'scene' | 'after', trouble: Ref<string>): Photos {
  const photos = shallowRef<{ id: string; preview: string }[]>([])
  const uploading = ref(false)

  async function add(event: Event): Promise<void> {
    const input = event.target as HTMLInputElement
    uploading.value = true
    trouble.value = ''
    try {
      for (const file of [...(input.files ?? [])].slice(0, mostPhotos - photos.value.length)) {
        const form = new FormData()
        form.append('file', file)
        form.append('kind', kind)
        const attachment = await post<Attachment>('/attachments', form)
        photos.value = [...photos.value, { id: attachment.id, preview: URL.createObjectURL(file) }]
      }
    } catch (error) {
      trouble.value = sentenceOf(error)
    } finally {
      uploading.value = false
      input.value = ''
    }
  }
  onScopeDispose(() => {
    for (const photo of photos.value) URL.revokeObjectURL(photo.preview)
  })
  return { photos, uploading, add }
}
