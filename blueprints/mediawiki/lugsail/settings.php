<?php
// What LocalSettings.php begins with.
if (!defined('MEDIAWIKI')) {
    exit;
}
$wgSitename = getenv('MEDIAWIKI_TITLE');
// The wiki is where its visitor found it: the proxy lets no names through but the app's own.
$wgServer = isset($_SERVER['HTTP_HOST']) ? 'https://' . $_SERVER['HTTP_HOST'] : getenv('MEDIAWIKI_URL');
$wgScriptPath = '';
$wgResourceBasePath = '';
$wgArticlePath = '/wiki/$1';

$wgDBtype = 'mysql';
$wgDBserver = getenv('DATABASE_HOST') . ':' . getenv('DATABASE_PORT');
$wgDBname = getenv('DATABASE_NAME');
$wgDBuser = getenv('DATABASE_USER');
$wgDBpassword = getenv('DATABASE_PASSWORD');
$wgDBTableOptions = 'ENGINE=InnoDB, DEFAULT CHARSET=binary';

$wgSecretKey = hash_hmac('sha256', 'secret', getenv('MEDIAWIKI_SECRET'));
$wgUpgradeKey = substr(hash_hmac('sha256', 'upgrade', getenv('MEDIAWIKI_SECRET')), 0, 16);
$wgMainCacheType = PHP_SAPI === 'cli' ? CACHE_NONE : CACHE_ACCEL;
$wgSessionCacheType = CACHE_DB;
$wgCacheDirectory = '/tmp/mediawiki';

$wgEnableUploads = true;
$wgUploadDirectory = '/data/images';
$wgUploadPath = '/images';
$wgEnableEmail = false;
$wgEmergencyContact = $wgPasswordSender = getenv('MEDIAWIKI_EMAIL');
$wgPingback = false;

// Spam finds open wikis within days.
$wgGroupPermissions['*']['edit'] = false;
$wgGroupPermissions['*']['createaccount'] = false;

$wgDefaultSkin = 'vector-2022';
wfLoadSkins(['Vector', 'MonoBook', 'Timeless']);
wfLoadExtensions(['CategoryTree', 'Cite', 'ImageMap', 'InputBox', 'ParserFunctions', 'VisualEditor', 'WikiEditor']);
