package config

import "time"

// Courier settings of mail and text messages.
type Courier struct {
	DeliveryStrategy     string // of mail: "smtp" or "http"
	SMTP                 SMTP
	HTTP                 CourierHTTP
	Channels             []Channel
	MessageRetries       int // attempts after the first one
	Worker               CourierWorker
	TemplateOverridePath string
	Templates            map[string]CourierTemplate // by template name
}

// SMTP delivery.
type SMTP struct {
	ConnectionURI  string // with user and password: a secret
	ClientCertPath string
	ClientKeyPath  string
	FromAddress    string
	FromName       string
	Headers        map[string]string
	LocalName      string
}

// CourierHTTP delivers mail through an HTTP service.
type CourierHTTP struct {
	RequestConfig RequestConfig
}

// Channel delivers other messages than mail.
type Channel struct {
	ID            string // "sms"
	Type          string // "http"
	RequestConfig RequestConfig
}

// CourierWorker says how the outbox is polled.
type CourierWorker struct {
	PullCount int
	PullWait  time.Duration
}

// CourierTemplate overrides one message. Messages that have no valid and invalid
// form carry their texts in Email and SMS.
type CourierTemplate struct {
	Valid   TemplateTexts
	Invalid TemplateTexts
	Email   EmailTexts
	SMS     SMSTexts
}

// TemplateTexts are the texts by channel.
type TemplateTexts struct {
	Email EmailTexts
	SMS   SMSTexts
}

// EmailTexts say where the parts of a mail are; "" keeps the built-in one.
type EmailTexts struct {
	Subject string
	Body    struct {
		Plaintext string
		HTML      string
	}
}

// SMSTexts say where the text of a message is; "" keeps the built-in one.
type SMSTexts struct {
	Body struct {
		Plaintext string
	}
}
