const dial = require('./dial')
const fs = require('fs')

// What builds are to try stands in a file, a line for each.
;(async () => {
  for (const line of fs.readFileSync('tries.txt', 'utf8').split('\n').filter(Boolean)) {
    const [host, port] = line.split(' ')
    console.log(`tried ${host} ${port}: ${await dial(host, port)}`)
  }
})()
