// Command hello-go is a small web app with one dependency.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/google/uuid"
)

const greeting = "Hello one"

func main() {
	id := uuid.NewString()
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, greeting) })
	http.HandleFunc("/who", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"release":%q,"replica":%q,"id":%q}`, os.Getenv("LUGSAIL_RELEASE"), os.Getenv("LUGSAIL_PROCESS"), id)
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
