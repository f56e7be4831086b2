// Package request holds what one HTTP request carries through every door: who asks,
// what the body says, and how trouble is answered.
//
// It knows echo and the nouns of package platform, nothing else. JSON bodies are read
// strictly: one value, known fields in their exact spelling, no field twice.
package request
