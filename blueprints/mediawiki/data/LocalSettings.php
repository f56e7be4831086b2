<?php
// The database, the address and the keys come from Lugsail.
require '/lugsail/settings.php';

// Your own settings follow.
