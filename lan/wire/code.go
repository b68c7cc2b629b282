package wire

// Code is an error's name: the Android / React Native string where one exists,
// else ours. It is an error itself, for errors.Is.
type Code string

// Error implements error.
func (c Code) Error() string { return string(c) }

// Codes a reader raises. See codes for number, text, remedy and retry.
const (
	// Using the protocol.
	CodeNotConnectedToReader     Code = "NOT_CONNECTED_TO_READER"
	CodeAlreadyConnectedToReader Code = "ALREADY_CONNECTED_TO_READER"
	CodeInvalidRequiredParameter Code = "INVALID_REQUIRED_PARAMETER"
	CodeInvalidClientSecret      Code = "INVALID_CLIENT_SECRET"
	CodeUnsupportedOperation     Code = "UNSUPPORTED_OPERATION"
	CodeUnexpectedOperation      Code = "UNEXPECTED_OPERATION"
	CodeConfirmInvalidIntent     Code = "CONFIRM_INVALID_PAYMENT_INTENT"
	CodePaymentIntentNotFound    Code = "OFFLINE_PAYMENT_INTENT_NOT_FOUND"
	CodeIdempotencyMismatch      Code = "IDEMPOTENCY_MISMATCH" // ours
	CodeInterrupted              Code = "INTERRUPTED"          // ours
	CodeInvalidMessage           Code = "INVALID_MESSAGE"      // ours
	CodeMessageTooLarge          Code = "MESSAGE_TOO_LARGE"    // ours
	CodeUnknownMethod            Code = "UNKNOWN_METHOD"       // ours
	CodeTooManyRequests          Code = "TOO_MANY_REQUESTS"    // ours
	CodeInvalidTipParameter      Code = "INVALID_TIP_PARAMETER"
	CodeInputsInvalidParameter   Code = "COLLECT_INPUTS_INVALID_PARAMETER"
	CodeInputsUnsupported        Code = "COLLECT_INPUTS_UNSUPPORTED"
	CodeInputsApplicationError   Code = "COLLECT_INPUTS_APPLICATION_ERROR"
	CodeInputsTimedOut           Code = "COLLECT_INPUTS_TIMED_OUT"

	// Connecting.
	CodeAuthenticationFailed        Code = "AUTHENTICATION_FAILED" // ours
	CodeConnectionTokenError        Code = "CONNECTION_TOKEN_PROVIDER_ERROR"
	CodeNoLastSeenAccount           Code = "NO_LAST_SEEN_ACCOUNT"
	CodeReaderNotAvailableOffline   Code = "READER_CONNECTION_NOT_AVAILABLE_OFFLINE"
	CodeLocationNotAvailableOffline Code = "LOCATION_CONNECTION_NOT_AVAILABLE_OFFLINE"
	CodeUnsupportedReaderVersion    Code = "UNSUPPORTED_READER_VERSION"
	CodeMissingPrerequisite         Code = "MISSING_PREREQUISITE"
	CodeReaderInUse                 Code = "READER_CONNECTED_TO_ANOTHER_DEVICE"
	CodeSessionExpired              Code = "SESSION_EXPIRED"

	// Card and cardholder.
	CodeCanceled          Code = "CANCELED"
	CodeCardInsertNotRead Code = "CARD_INSERT_NOT_READ"
	CodeCardSwipeNotRead  Code = "CARD_SWIPE_NOT_READ"
	CodeCardReadTimedOut  Code = "CARD_READ_TIMED_OUT"
	CodeCardRemoved       Code = "CARD_REMOVED"
	CodeCardLeftInReader  Code = "CARD_LEFT_IN_READER"
	CodeCardNotSupported  Code = "CARD_NOT_SUPPORTED"
	CodeMissingEMVData    Code = "MISSING_EMV_DATA"

	// Outcome.
	CodeDeclined         Code = "DECLINED_BY_STRIPE_API"
	CodeDeclinedByReader Code = "DECLINED_BY_READER"

	// Offline.
	CodeOfflineStoreFull          Code = "OFFLINE_PAYMENTS_DATABASE_TOO_LARGE"
	CodeAmountExceedsOffline      Code = "AMOUNT_EXCEEDS_MAX_OFFLINE_AMOUNT"
	CodeInvalidOfflineCurrency    Code = "INVALID_OFFLINE_CURRENCY"
	CodeSwipeNotAvailable         Code = "CARD_SWIPE_NOT_AVAILABLE"
	CodeInteracOffline            Code = "INTERAC_NOT_SUPPORTED_OFFLINE"
	CodeOfflineCardExpired        Code = "OFFLINE_AND_CARD_EXPIRED"
	CodeOfflineDeclined           Code = "OFFLINE_TRANSACTION_DECLINED"
	CodeOfflineMismatch           Code = "OFFLINE_COLLECT_AND_CONFIRM_MISMATCH"
	CodeOnlinePINOffline          Code = "ONLINE_PIN_NOT_SUPPORTED_OFFLINE"
	CodeRequireOnline             Code = "NOT_CONNECTED_TO_INTERNET_AND_REQUIRE_ONLINE_SET"
	CodeForceOfflineDisabled      Code = "FORCE_OFFLINE_WITH_FEATURE_DISABLED"
	CodeOfflineKeysUnavailable    Code = "OFFLINE_ENCRYPTION_KEYS_UNAVAILABLE"
	CodeTestPaymentInLivemode     Code = "OFFLINE_TESTMODE_PAYMENT_IN_LIVEMODE"
	CodeLivePaymentInTestmode     Code = "OFFLINE_LIVEMODE_PAYMENT_IN_TESTMODE"
	CodeTestCardInLivemode        Code = "TEST_CARD_IN_LIVEMODE"
	CodeAccountMismatchForwarding Code = "ACCOUNT_ID_MISMATCH_WHILE_FORWARDING"
	CodeTokenErrorForwarding      Code = "CONNECTION_TOKEN_PROVIDER_ERROR_WHILE_FORWARDING"
	CodeLedgerDamaged             Code = "LEDGER_DAMAGED" // ours

	// Reader.
	CodeReaderBusy                  Code = "READER_BUSY"
	CodeReaderCommunicationError    Code = "READER_COMMUNICATION_ERROR"
	CodeReaderTampered              Code = "READER_TAMPERED"
	CodeReaderMissingEncryptionKeys Code = "READER_MISSING_ENCRYPTION_KEYS"
	CodeGenericReaderError          Code = "GENERIC_READER_ERROR"
	CodeUpdateFailed                Code = "READER_SOFTWARE_UPDATE_FAILED"
	CodeUpdateFailedBatteryLow      Code = "READER_SOFTWARE_UPDATE_FAILED_BATTERY_LOW"
	CodeUpdateFailedInterrupted     Code = "READER_SOFTWARE_UPDATE_FAILED_INTERRUPTED"
	CodeUpdateFailedReaderError     Code = "READER_SOFTWARE_UPDATE_FAILED_READER_ERROR"
	CodeUpdateFailedServerError     Code = "READER_SOFTWARE_UPDATE_FAILED_SERVER_ERROR"

	// Platform.
	CodeNotConnectedToInternet Code = "STRIPE_API_CONNECTION_ERROR"
	CodeRequestTimedOut        Code = "REQUEST_TIMED_OUT"
	CodePlatformError          Code = "STRIPE_API_ERROR"
	CodePlatformDecoding       Code = "STRIPE_API_RESPONSE_DECODING_ERROR"
	CodeClockNotSet            Code = "CLOCK_NOT_SET"                  // ours
	CodeCertificateError       Code = "READER_COMMUNICATION_SSL_ERROR" // the platform's certificate is wrong: not an outage
)

type defaults struct {
	native  int // iOS number, 0 where there is none
	retry   Retry
	message string
	remedy  string
}

// Codes lists every code with its native number, in no order.
func Codes() map[Code]int {
	m := make(map[Code]int, len(codes))
	for c, d := range codes {
		m[c] = d.native
	}
	return m
}

func (c Code) defaults() defaults {
	if d, ok := codes[c]; ok {
		return d
	}
	return codes[CodeGenericReaderError]
}

var codes = map[Code]defaults{
	CodeNotConnectedToReader:     {1100, RetryNever, "this POS is not connected to the reader", "call connectReader first"},
	CodeAlreadyConnectedToReader: {1110, RetryNever, "this connection is already connected", "go on, or call disconnectReader first"},
	CodeInvalidRequiredParameter: {1920, RetryNever, "a parameter is missing or wrong", "correct the call"},
	CodeInvalidClientSecret:      {1560, RetryNever, "no payment has this client secret", "use the client secret the backend got"},
	CodeUnsupportedOperation:     {1890, RetryNever, "this reader cannot do that", "leave the option out"},
	CodeUnexpectedOperation:      {5008, RetryNever, "this cannot be done in the payment's state", "retrieve the payment and look at its status"},
	CodeConfirmInvalidIntent:     {1530, RetryCollectAgain, "nothing was collected for this payment, or more than 30 s ago", "collect again with the same payment"},
	CodePaymentIntentNotFound:    {0, RetryNever, "the reader does not know this payment", "check the id; payments are known by localId on the reader that created them"},
	CodeIdempotencyMismatch:      {0, RetryNever, "this requestId was used with other parameters", "use a new requestId for a new request"},
	CodeInterrupted:              {0, RetryCollectAgain, "the reader was cut off while this ran; nothing was accepted", "collect again with the same payment and a new requestId"},
	CodeInvalidMessage:           {0, RetryNever, "the message is not a JSON-RPC 2.0 request", "send one JSON object per message"},
	CodeMessageTooLarge:          {0, RetryNever, "the message is larger than 64 KiB", "send less"},
	CodeUnknownMethod:            {0, RetryNever, "the reader does not know this method", "check the spelling and the reader's software version"},
	CodeTooManyRequests:          {0, RetrySame, "too many requests run at once", "wait for answers before sending more"},

	CodeInvalidTipParameter:    {1950, RetryNever, "the tipping options contradict each other", "leave out skipTipping or tipEligibleAmount"},
	CodeInputsInvalidParameter: {1997, RetryNever, "an input asked for is wrong", "correct the inputs and send the call again"},
	CodeInputsUnsupported:      {1998, RetryNever, "this reader cannot collect inputs", "ask for them at the POS"},
	CodeInputsApplicationError: {5004, RetrySame, "the reader failed while it collected inputs", "repeat the call; ask for fewer inputs at a time if it stays"},
	CodeInputsTimedOut:         {2971, RetryCollectAgain, "nothing was entered in time", "ask again with a new requestId"},

	CodeAuthenticationFailed:        {0, RetryNever, "the signature does not fit the challenge", "say hello again and sign the new nonce with the POS's key"},
	CodeConnectionTokenError:        {1510, RetryNever, "the connection token was not accepted", "get a new token from the backend; each works once"},
	CodeNoLastSeenAccount:           {2880, RetryNever, "this reader was never activated online", "connect once with internet"},
	CodeReaderNotAvailableOffline:   {2870, RetryNever, "this POS has no valid credential for this type of reader", "connect once with internet, then offline works for 30 days"},
	CodeLocationNotAvailableOffline: {2871, RetryNever, "the credential is for another location", "connect once with internet at this location"},
	CodeUnsupportedReaderVersion:    {2872, RetryNever, "the reader's software is too old to work offline", "connect the reader to the internet so that it updates"},
	CodeMissingPrerequisite:         {2873, RetryNever, "this reader must be paired online at this location first", "connect once with internet"},
	CodeReaderInUse:                 {3880, RetryNever, "another POS holds the reader", "connect without failIfInUse to take it over"},
	CodeSessionExpired:              {9060, RetryNever, "the session has expired", "connect again with a new connection token"},

	CodeCanceled:          {2020, RetryCollectAgain, "canceled", "collect again to go on with the same payment"},
	CodeCardInsertNotRead: {2810, RetryCollectAgain, "the chip could not be read", "insert the card again, chip first, or try another card"},
	CodeCardSwipeNotRead:  {2820, RetryCollectAgain, "the magnetic stripe could not be read", "swipe again, steadily, or insert the card"},
	CodeCardReadTimedOut:  {2830, RetryCollectAgain, "no card was presented in time", "collect again"},
	CodeCardRemoved:       {2840, RetryCollectAgain, "the card was removed too early", "collect again and leave the card in"},
	CodeCardLeftInReader:  {2850, RetryCollectAgain, "a card is still in the reader", "remove the card, then collect again"},
	CodeCardNotSupported:  {6510, RetryCollectAgain, "the reader does not support this card", "try another card"},
	CodeMissingEMVData:    {2892, RetryCollectAgain, "the card did not give all data", "try again; if every card does this the reader is faulty"},

	CodeDeclined:         {6000, RetryCollectAgain, "the issuer declined", "try another card or another way to pay"},
	CodeDeclinedByReader: {6500, RetryCollectAgain, "the card or the reader declined", "try another card"},

	CodeOfflineStoreFull:          {2860, RetryNever, "the reader cannot store more payments", "go online so that stored payments are forwarded"},
	CodeAmountExceedsOffline:      {2890, RetryNever, "the amount or the stored total is over the offline limit", "take another way to pay, or wait for the internet"},
	CodeInvalidOfflineCurrency:    {2891, RetryNever, "this currency is not taken offline", "wait for the internet"},
	CodeSwipeNotAvailable:         {6900, RetryCollectAgain, "swiped cards are not taken offline", "collect again and insert the card"},
	CodeInteracOffline:            {6901, RetryCollectAgain, "Interac cards are not taken offline", "collect again with another card"},
	CodeOfflineCardExpired:        {6902, RetryCollectAgain, "the card has expired", "try another card"},
	CodeOfflineDeclined:           {6903, RetryCollectAgain, "the card could not be verified offline", "try another card"},
	CodeOfflineMismatch:           {6904, RetryCollectAgain, "collected online, but the internet is gone now", "collect again with the same payment"},
	CodeOnlinePINOffline:          {6905, RetryCollectAgain, "this card needs an online PIN, which needs the internet", "try another card"},
	CodeRequireOnline:             {10106, RetrySame, "there is no internet and the payment requires it", "wait for the internet, or create it with prefer_online"},
	CodeForceOfflineDisabled:      {10107, RetryNever, "offline payments are not enabled at this location", "enable offline in the location's configuration and reconnect"},
	CodeOfflineKeysUnavailable:    {2973, RetryNever, "the keys to store payments are not available", "connect the reader to the internet"},
	CodeTestPaymentInLivemode:     {1937, RetryNever, "a test payment cannot be forwarded in live mode", "connect with test keys"},
	CodeLivePaymentInTestmode:     {1938, RetryNever, "a live payment cannot be forwarded in test mode", "connect with live keys"},
	CodeTestCardInLivemode:        {6906, RetryCollectAgain, "a test card cannot pay in live mode", "use a real card"},
	CodeAccountMismatchForwarding: {1930, RetryNever, "stored payments belong to another account", "connect with the account that took them"},
	CodeTokenErrorForwarding:      {9051, RetryNever, "the POS gave no connection token while stored payments are forwarded", "see to the POS's token provider; forwarding goes on without it"},
	CodeLedgerDamaged:             {0, RetryNever, "the reader's ledger is damaged and takes no new payments", "what is stored is still forwarded; export the ledger and acknowledge the loss"},

	CodeReaderBusy:                  {3010, RetrySame, "the reader is busy with another command", "wait for it or cancel it"},
	CodeReaderCommunicationError:    {3060, RetrySame, "the connection to the reader broke", "reconnect and repeat the call with the same requestId"},
	CodeReaderTampered:              {4100, RetryNever, "the reader was tampered with", "take it out of service"},
	CodeReaderMissingEncryptionKeys: {3980, RetryNever, "the reader lacks encryption keys", "connect the reader to the internet"},
	CodeGenericReaderError:          {5001, RetrySame, "the reader failed", "repeat the call with the same requestId; if it stays, restart the reader"},
	CodeUpdateFailed:                {3800, RetrySame, "the reader's software update failed", "repeat the call; the reader goes on with its present software"},
	CodeUpdateFailedBatteryLow:      {2650, RetrySame, "the battery is too low to update the reader's software", "charge the reader, then connect again"},
	CodeUpdateFailedInterrupted:     {2660, RetrySame, "the reader's software update was interrupted", "connect again and leave the reader powered and online"},
	CodeUpdateFailedReaderError:     {3830, RetrySame, "the reader could not install the software update", "restart the reader, then connect again"},
	CodeUpdateFailedServerError:     {3840, RetrySame, "the software update could not be fetched", "check the internet connection, then connect again"},

	CodeNotConnectedToInternet: {9000, RetrySame, "the payments platform cannot be reached", "check the internet connection"},
	CodeRequestTimedOut:        {9010, RetrySame, "the payments platform did not answer in time", "repeat the call with the same requestId to learn the outcome"},
	CodePlatformError:          {9020, RetryNever, "the payments platform refused the request", "see the message"},
	CodePlatformDecoding:       {9030, RetrySame, "the payments platform's answer was not understood", "repeat the call; update the reader's software"},
	CodeClockNotSet:            {0, RetrySame, "the reader's clock is not set", "give the reader network time, or wait until it has it"},
	CodeCertificateError:       {3060, RetryNever, "the payments platform showed a wrong certificate", "this is not an outage: check the network for interception; force_offline still works"},
}
