#!/usr/bin/perl
# Prints what MaxMind's own reader finds: usage: read.pl FILE ADDRESS…
# The first line is the metadata, then a line for each address; JSON, null where there is none.
use strict;
use warnings;
use JSON::PP;
use MaxMind::DB::Reader;

my ($file, @addresses) = @ARGV;
my $json = JSON::PP->new->canonical->utf8->allow_nonref->allow_blessed;
my $reader = MaxMind::DB::Reader->new(file => $file);
my $head = $reader->metadata;
print $json->encode(
    {
        map { $_ => $head->$_ }
            qw(database_type ip_version record_size languages description build_epoch)
    }
), "\n";
print $json->encode($reader->record_for_address($_)), "\n" for @addresses;
