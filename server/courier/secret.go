package courier

import (
	"context"

	"github.com/gridward/gridward/server/seal"
)

// SealSecrets closes the secrets that come with a request, to be stored.
func SealSecrets(key *seal.Key, secrets map[string]string) map[string]string {
	out := make(map[string]string, len(secrets))
	for name, value := range secrets {
		out[name] = key.Seal(seal.ChannelSecret+name, value)
	}
	return out
}

// SealAckKey makes the key of a channel's receipts, sealed.
func SealAckKey(key *seal.Key) []byte {
	return []byte(key.Seal(seal.ChannelAckKey, string(NewAckKey())))
}

// openSecrets opens what a channel needs to prove itself, where it lies.
func openSecrets(key *seal.Key, secrets map[string]string, ackKey *[]byte) error {
	for name, value := range secrets {
		plain, err := key.Open(seal.ChannelSecret+name, value)
		if err != nil {
			return err
		}
		secrets[name] = plain
	}
	plain, err := key.Open(seal.ChannelAckKey, string(*ackKey))
	*ackKey = []byte(plain)
	return err
}

// locked stands for a receiver whose secrets cannot be opened: what is for it
// waits in the list of what failed until somebody gives it new ones.
type locked struct{}

func (locked) send(context.Context, letter) (receipt, error) {
	return receipt{}, never("通道的密钥无法解开：请在消息通道中重新填写，或者用原来的密钥文件启动后重发", nil)
}
