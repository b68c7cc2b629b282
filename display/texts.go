package display

import "strings"

// texts are the words of one language. Adding a language means adding one
// entry to languages; a test checks that it is complete and that the font can
// draw it.
type texts struct {
	welcome, starting, notReady      string
	insert, tap, swipe               string // labels of the entry icons, side by side
	insertCard, tapCard, swipeCard   string // the same when it is the only way
	choose, confirm, cancel, more    string // which application; whether the only one may be used
	enterPIN, wrongPIN, lastTry      string
	withoutPIN                       string // what the Enter key does before the first digit
	processing, pleaseWait, keepCard string
	accepted, approved, thanks       string
	declined, otherWay               string
	removeCard, tryAgain             string
	cardRead, takeAway               string // after a tap
	oneCard                          string
	tapAgain, holdStill              string
	seePhone, thenTap                string
	pleaseInsert                     string
	somethingWrong, amountUnknown    string
	online, offline, queued          string // staff badge
}

const fallback = "en"

var languages = map[string]texts{
	"en": {
		welcome: "Welcome", starting: "Starting", notReady: "Not ready",
		insert: "Insert", tap: "Tap", swipe: "Swipe",
		insertCard: "Insert card", tapCard: "Tap card", swipeCard: "Swipe card",
		choose: "Pay with which?", confirm: "Pay with this one?", cancel: "Cancel", more: "More",
		enterPIN: "Enter PIN", wrongPIN: "Wrong PIN", lastTry: "Last try", withoutPIN: "No PIN? Press OK",
		processing: "Processing", pleaseWait: "Please wait", keepCard: "Please leave the card in",
		accepted: "Accepted", approved: "Approved", thanks: "Thank you",
		declined: "Declined", otherWay: "Please pay another way",
		removeCard: "Please remove card", tryAgain: "Please try again",
		cardRead: "Card read", takeAway: "You may take it away",
		oneCard:  "One card only, please",
		tapAgain: "Please tap again", holdStill: "Keep it there until it is read",
		seePhone: "Please check your phone", thenTap: "Then tap again",
		pleaseInsert:   "Please insert card",
		somethingWrong: "Something went wrong", amountUnknown: "Amount cannot be shown",
		online: "Online", offline: "Offline", queued: "waiting",
	},
	"de": {
		welcome: "Willkommen", starting: "Startet", notReady: "Nicht bereit",
		insert: "Einstecken", tap: "Vorhalten", swipe: "Durchziehen",
		insertCard: "Karte einstecken", tapCard: "Karte vorhalten", swipeCard: "Karte durchziehen",
		choose: "Womit bezahlen?", confirm: "Hiermit bezahlen?", cancel: "Abbrechen", more: "Weitere",
		enterPIN: "PIN eingeben", wrongPIN: "PIN falsch", lastTry: "Letzter Versuch", withoutPIN: "Ohne PIN: OK drücken",
		processing: "In Bearbeitung", pleaseWait: "Bitte warten", keepCard: "Karte bitte stecken lassen",
		accepted: "Angenommen", approved: "Genehmigt", thanks: "Vielen Dank",
		declined: "Abgelehnt", otherWay: "Bitte anders bezahlen",
		removeCard: "Bitte Karte entnehmen", tryAgain: "Bitte noch einmal versuchen",
		cardRead: "Karte gelesen", takeAway: "Sie können sie wegnehmen",
		oneCard:  "Bitte nur eine Karte",
		tapAgain: "Bitte erneut vorhalten", holdStill: "Vorhalten, bis sie gelesen ist",
		seePhone: "Bitte aufs Telefon schauen", thenTap: "Danach erneut vorhalten",
		pleaseInsert:   "Bitte Karte einstecken",
		somethingWrong: "Es ist ein Fehler aufgetreten", amountUnknown: "Betrag nicht darstellbar",
		online: "Online", offline: "Offline", queued: "wartend",
	},
	"fr": {
		welcome: "Bienvenue", starting: "Démarrage", notReady: "Indisponible",
		insert: "Insérer", tap: "Sans contact", swipe: "Glisser",
		insertCard: "Insérez la carte", tapCard: "Présentez la carte", swipeCard: "Glissez la carte",
		choose: "Choisissez", confirm: "Payer avec ceci\u00a0?", cancel: "Annuler", more: "Suite",
		enterPIN: "Saisissez le code", wrongPIN: "Code erroné", lastTry: "Dernier essai", withoutPIN: "Sans code\u00a0: tapez OK",
		processing: "Traitement en cours", pleaseWait: "Veuillez patienter", keepCard: "Laissez la carte en place",
		accepted: "Accepté", approved: "Approuvé", thanks: "Merci",
		declined: "Refusé", otherWay: "Payez par un autre moyen",
		removeCard: "Retirez la carte", tryAgain: "Veuillez réessayer",
		cardRead: "Carte lue", takeAway: "Vous pouvez la reprendre",
		oneCard:  "Une seule carte à la fois",
		tapAgain: "Présentez-la à nouveau", holdStill: "Ne la retirez pas avant la lecture",
		seePhone: "Consultez votre téléphone", thenTap: "Puis présentez-le à nouveau",
		pleaseInsert:   "Veuillez insérer la carte",
		somethingWrong: "Une erreur est survenue", amountUnknown: "Montant non affichable",
		online: "En ligne", offline: "Hors ligne", queued: "en attente",
	},
	"es": {
		welcome: "Bienvenido", starting: "Iniciando", notReady: "No disponible",
		insert: "Insertar", tap: "Acercar", swipe: "Deslizar",
		insertCard: "Inserte la tarjeta", tapCard: "Acerque la tarjeta", swipeCard: "Deslice la tarjeta",
		choose: "Elija con qué pagar", confirm: "¿Pagar con esta?", cancel: "Cancelar", more: "Más",
		enterPIN: "Introduzca el PIN", wrongPIN: "PIN incorrecto", lastTry: "Último intento", withoutPIN: "Sin PIN: pulse OK",
		processing: "Procesando", pleaseWait: "Espere, por favor", keepCard: "No retire la tarjeta",
		accepted: "Aceptado", approved: "Aprobado", thanks: "Gracias",
		declined: "Rechazado", otherWay: "Pague por otro medio",
		removeCard: "Retire la tarjeta", tryAgain: "Inténtelo de nuevo",
		cardRead: "Tarjeta leída", takeAway: "Ya puede retirarla",
		oneCard:  "Una sola tarjeta, por favor",
		tapAgain: "Acérquela de nuevo", holdStill: "No la retire hasta que se lea",
		seePhone: "Consulte su teléfono", thenTap: "Después acérquelo de nuevo",
		pleaseInsert:   "Inserte la tarjeta, por favor",
		somethingWrong: "Se ha producido un error", amountUnknown: "Importe no disponible",
		online: "En línea", offline: "Sin conexión", queued: "en espera",
	},
}

// base is the language of a tag that there are texts for.
func base(language string) string {
	tag, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(language, "_", "-")), "-")
	if _, ok := languages[tag]; ok {
		return tag
	}
	return fallback
}

// locale is the tag that numbers are written by: with its region when there
// are texts for the language, so that texts and numbers never disagree.
func locale(language string) string {
	if b := base(language); b != fallback || strings.HasPrefix(strings.ToLower(language), fallback) {
		if len(language) <= maxTag {
			return language
		}
		return b
	}
	return fallback
}

// maxTag bounds what is handed to the locale parser; real tags are shorter.
const maxTag = 35
